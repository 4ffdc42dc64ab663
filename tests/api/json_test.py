"""Bodies that are not what an endpoint takes: every kind of message, with its line and column."""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from monitor import ApiTest, main  # noqa: E402

PREFIX = "An error occurred when deserializing the json body of a request: "
MACHINE_FIELDS = "`vcpu_count`, `mem_size_mib`, `smt`, `cpu_template`, `track_dirty_pages`, `huge_pages`"
MACHINE = '{"vcpu_count": %s, "mem_size_mib": %s}'


class JsonTest(ApiTest):

    def setUp(self):
        super().setUp()
        self.start()

    def check(self, method, target, body, message, where):
        """`where`: a text of the body whose end is the position that is named, or the column itself (line 1)."""
        if isinstance(where, str):
            before = body[:body.index(where) + len(where)].encode()
            line, column = before.count(b"\n") + 1, len(before) - (before.rfind(b"\n") + 1)
        else:
            line, column = 1, where
        with self.subTest(request=f"{method} {target} {body}"):
            self.refused(self.api.connection.request(method, target, body),
                         f"{PREFIX}{message} at line {line} column {column}.")

    def check_pattern(self, method, target, body, pattern):
        with self.subTest(request=f"{method} {target} {body}"):
            self.refused(self.api.connection.request(method, target, body),
                         re.compile(f"{PREFIX}{pattern} at line \\d+ column \\d+\\."))

    def test_missing_fields_are_reported_at_the_closing_brace(self):
        for method, target, body, field in (
                ("PUT", "/machine-config", '{"mem_size_mib": 128}', "vcpu_count"),
                ("PUT", "/machine-config", '{"vcpu_count": 2}', "mem_size_mib"),
                ("PUT", "/machine-config", "{}", "vcpu_count"),
                ("PUT", "/machine-config", '{\n  "mem_size_mib": 128\n }', "vcpu_count"),
                ("PUT", "/boot-source", '{"boot_args": "a"}', "kernel_image_path"),
                ("PUT", "/drives/a", '{"drive_id": "a", "path_on_host": "x"}', "is_root_device"),
                ("PUT", "/drives/a", '{"is_root_device": true}', "drive_id"),
                ("PATCH", "/drives/a", "{}", "drive_id"),
                ("PUT", "/network-interfaces/a", '{"iface_id": "a"}', "host_dev_name"),
                ("PUT", "/network-interfaces/a", '{"host_dev_name": "a"}', "iface_id"),
                ("PATCH", "/network-interfaces/a", "{}", "iface_id"),
                ("PUT", "/metrics", "{}", "metrics_path"),
                ("PUT", "/mmds/config", "{}", "network_interfaces"),
                ("PUT", "/actions", "{}", "action_type"),
                ("PATCH", "/vm", "{}", "state")):
            self.check(method, target, body, f"missing field `{field}`", body)

    def test_missing_fields_inside_an_object(self):
        body = '{"serial_out_path": "x", "rate_limiter": {"size": 1}}'
        self.check("PUT", "/serial", body, "missing field `refill_time`", '{"size": 1}')
        body = '{"drive_id": "a", "is_root_device": false, "rate_limiter": {"ops": {"refill_time": 1}}}'
        self.check("PUT", "/drives/a", body, "missing field `size`", '{"refill_time": 1}')

    def test_unknown_fields_are_reported_at_their_name(self):
        for method, target, body, expected in (
                ("PUT", "/machine-config", '{"vcpu_count": 1, "foo": 1}', f"one of {MACHINE_FIELDS}"),
                ("PATCH", "/machine-config", '{"foo": 1}', f"one of {MACHINE_FIELDS}"),
                ("PUT", "/boot-source", '{"foo": 1}', "one of `kernel_image_path`, `initrd_path`, `boot_args`"),
                ("PATCH", "/drives/a", '{"foo": true}', "one of `drive_id`, `path_on_host`, `rate_limiter`"),
                ("PATCH", "/network-interfaces/a", '{"foo": 1}', "one of `iface_id`, `rx_rate_limiter`, `tx_rate_limiter`"),
                ("PUT", "/actions", '{"foo": 1}', "`action_type`"),
                ("PATCH", "/vm", '{"foo": 1}', "`state`"),
                ("PUT", "/serial", '{"foo": 1}', "`serial_out_path` or `rate_limiter`"),
                ("PATCH", "/drives/a", '{"drive_id": "a", "rate_limiter": {"foo": 1}}', "`bandwidth` or `ops`")):
            self.check(method, target, body, f"unknown field `foo`, expected {expected}", '"foo"')

    def test_unknown_fields_of_objects_that_we_added_to(self):
        for target, first in (("/drives/a", "drive_id"), ("/network-interfaces/a", "iface_id"), ("/logger", "log_path"),
                              ("/mmds/config", "version")):
            self.check_pattern("PUT", target, '{"foo": 1}', f"unknown field `foo`, expected one of `{first}`, .+")
        self.check_pattern("PUT", "/cpu-config", '{"foo": 1}', "unknown field `foo`, expected .+")

    def test_unknown_fields_that_are_ignored(self):
        bucket = {"size": 1, "refill_time": 1, "foo": {"bar": [1, None]}}
        self.done(self.api.put("/drives/a", {"drive_id": "a", "is_root_device": False, "path_on_host": self.disk(),
                                             "rate_limiter": {"ops": bucket}}))
        self.done(self.api.put("/metrics", {"metrics_path": self.path("metrics"), "foo": 1}))

    def test_null_is_accepted_for_every_optional_field(self):
        path = self.disk()
        for target, body in (
                ("/machine-config", {"vcpu_count": 1, "mem_size_mib": 64, "smt": None, "cpu_template": None,
                                     "track_dirty_pages": None, "huge_pages": None}),
                ("/boot-source", {"kernel_image_path": path, "initrd_path": None, "boot_args": None}),
                ("/drives/a", {"drive_id": "a", "is_root_device": False, "path_on_host": path, "is_read_only": None,
                               "partuuid": None, "cache_type": None, "io_engine": None, "rate_limiter": None,
                               "socket": None}),
                ("/drives/a", {"drive_id": "a", "is_root_device": False, "path_on_host": path,
                               "rate_limiter": {"bandwidth": None,
                                                "ops": {"size": 1, "refill_time": 1, "one_time_burst": None}}}),
                ("/serial", {"serial_out_path": None, "rate_limiter": None}),
                ("/logger", {"log_path": None, "level": None, "show_level": None, "show_log_origin": None, "module": None})):
            with self.subTest(target=target):
                self.done(self.api.put(target, body))

    def test_values_of_the_wrong_type(self):
        for value, message, where in (
                ('"a"', 'invalid type: string "a", expected u8', '"a"'),
                ("-2", "invalid value: integer `-2`, expected u8", "-2"),
                ("256", "invalid value: integer `256`, expected u8", "256"),
                ("1.5", "invalid type: floating point `1.5`, expected u8", "1.5"),
                ("2.0", "invalid type: floating point `2.0`, expected u8", "2.0"),
                ("null", "invalid type: null, expected u8", "null"),
                ("true", "invalid type: boolean `true`, expected u8", "true"),
                ("[1]", "invalid type: sequence, expected u8", '"vcpu_count": '),
                ("{}", "invalid type: map, expected u8", '"vcpu_count": ')):
            self.check("PUT", "/machine-config", MACHINE % (value, 64), message, where)
        self.check("PUT", "/machine-config", MACHINE % (1, 1 << 64),
                   "invalid type: floating point `1.8446744073709552e19`, expected usize", str(1 << 64))
        self.check("PUT", "/machine-config", MACHINE % (1, -1), "invalid value: integer `-1`, expected usize", "-1")

    def test_other_types(self):
        self.check("PATCH", "/machine-config", '{"smt": "x"}', 'invalid type: string "x", expected a boolean', '"x"')
        self.check("PATCH", "/machine-config", '{"smt": 1}', "invalid type: integer `1`, expected a boolean", ": 1")
        self.check("PUT", "/boot-source", '{"kernel_image_path": 7}', "invalid type: integer `7`, expected a string", ": 7")
        self.check("PUT", "/boot-source", '{"kernel_image_path": []}', "invalid type: sequence, expected a string", ": ")
        self.check("PUT", "/mmds/config", '{"network_interfaces": "a"}', 'invalid type: string "a", expected a sequence', '"a"')
        self.check("PUT", "/drives/a", '{"drive_id": "a", "rate_limiter": {"ops": {"size": -1}}}',
                   "invalid value: integer `-1`, expected u64", "-1")
        self.check_pattern("PUT", "/network-interfaces/a", '{"iface_id": "a", "host_dev_name": "t", "mtu": 65536}',
                           "invalid value: integer `65536`, expected u16")

    def test_unknown_variants(self):
        for method, target, body, expected in (
                ("PUT", "/actions", '{"action_type": "foo"}', "one of `FlushMetrics`, `InstanceStart`, `SendCtrlAltDel`"),
                ("PATCH", "/vm", '{"state": "foo"}', "`Paused` or `Resumed`"),
                ("PATCH", "/machine-config", '{"cpu_template": "foo"}',
                 "one of `C3`, `T2`, `T2S`, `T2CL`, `T2A`, `V1N1`, `None`"),
                ("PATCH", "/machine-config", '{"huge_pages": "foo"}', "one of `None`, `Transparent`, `2M`"),
                ("PUT", "/mmds/config", '{"version": "foo"}', "`V1` or `V2`"),
                ("PUT", "/drives/a", '{"cache_type": "foo"}', "`Unsafe` or `Writeback`")):
            self.check(method, target, body, f"unknown variant `foo`, expected {expected}", '"foo"')
        self.check_pattern("PUT", "/drives/a", '{"io_engine": "foo"}',
                           "unknown variant `foo`, expected (`Async` or `Sync`|`Sync` or `Async`)")

    def test_variants_have_case(self):
        for method, target, body in (("PUT", "/actions", '{"action_type": "instancestart"}'),
                                     ("PATCH", "/vm", '{"state": "paused"}'),
                                     ("PUT", "/drives/a", '{"cache_type": "writeback"}')):
            self.check_pattern(method, target, body, "unknown variant .+")

    def test_duplicate_fields(self):
        body = '{"vcpu_count": 1, "mem_size_mib": 64, "vcpu_count" : 2}'
        self.check_pattern("PUT", "/machine-config", body, "duplicate field `vcpu_count`")
        body = '{"vcpu_count": 1, "vcpu_count": 2}'
        self.check("PUT", "/machine-config", body, "duplicate field `vcpu_count`", '1, "vcpu_count"')

    def test_later_one_of_duplicate_keys_of_metadata_counts(self):
        self.done(self.api.put("/mmds", '{"a": 1, "b": 2, "a": {"c": 3}}'))
        self.assertEqual(self.found(self.api.get("/mmds")), {"a": {"c": 3}, "b": 2})

    def test_syntax(self):
        for body, message, where in (
                ("{", "EOF while parsing an object", 1),
                ('{"action_type"', "EOF while parsing an object", 14),
                ('{"action_type":', "EOF while parsing a value", 15),
                ('{"action_type": "Flush', "EOF while parsing a string", 22),
                ('{"action_type": "FlushMetrics"', "EOF while parsing an object", 30),
                ('{"action_type": "FlushMetrics"}x', "trailing characters", 32),
                ('{"action_type": "FlushMetrics"} {}', "trailing characters", 33),
                ('{"action_type": "FlushMetrics",}', "trailing comma", 32),
                ('{"action_type" "FlushMetrics"}', "expected `:`", 16),
                ('{"action_type": "FlushMetrics" "b"}', "expected `,` or `}`", 32),
                ("{action_type: 1}", "key must be a string", 2),
                ('{"action_type": what}', "expected value", 17),
                ("what", "expected value", 1),
                (" ", "EOF while parsing a value", 1),
                ('{"action_type": "\\q"}', "invalid escape", 19)):
            self.check("PUT", "/actions", body, message, where)
        self.check("PUT", "/machine-config", '{"vcpu_count": 01}', "invalid number", 17)
        self.check("PUT", "/actions", '{\n"action_type":\n}', "expected value", '{\n"action_type":\n}')

    def test_syntax_of_metadata(self):
        for body, message, where in (('{"a":1', "EOF while parsing an object", 6), ('{"a":[1', "EOF while parsing a list", 7),
                                     ('{"a":[1,}', "expected value", 9), ('{"a":[1,]}', "trailing comma", 9),
                                     ('{"a":[1 2]}', "expected `,` or `]`", 9),
                                     ("[" * 10000, "recursion limit exceeded", 128),
                                     ('{"a":' + "[" * 10000, "recursion limit exceeded", 132)):
            self.check("PUT", "/mmds", body, message, where)

    def test_strings_that_are_none(self):
        for text in (b'"\x01"', b'"\\ud800"', b'"\\udc00x"', b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"'):
            with self.subTest(text=text):
                response = self.api.put("/boot-source", b'{"kernel_image_path": ' + text + b"}")
                self.refused(response, re.compile(f"{PREFIX}.+ at line 1 column \\d+\\."))

    def test_depth_that_is_allowed_comes_back(self):
        value = {}
        for _ in range(120):
            value = {"a": value}
        self.done(self.api.put("/mmds", value))
        self.assertEqual(self.found(self.api.get("/mmds")), value)

    def test_white_space_and_escapes(self):
        self.done(self.api.put("/mmds", '\r\n\t {"\\u0061" : "\\ud83d\\ude00\\n\\/" , "e\u0301" : -0.5e1 }\n '))
        self.assertEqual(self.found(self.api.get("/mmds")), {"a": "\U0001f600\n/", "e\u0301": -5})


if __name__ == "__main__":
    main()
