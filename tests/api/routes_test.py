"""Routes and their errors: every text that clients match on, before and after the start."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from monitor import AFTER_START, BEFORE_START, ApiTest, main, needs_kvm, needs_root  # noqa: E402
import tiny_guest  # noqa: E402

JSON_ERROR = "An error occurred when deserializing the json body of a request: "
MACHINE = {"vcpu_count": 1, "mem_size_mib": 32}
DRIVE_FIELDS = ("`drive_id`, `partuuid`, `is_root_device`, `cache_type`, `is_read_only`, `path_on_host`, `rate_limiter`, "
                "`io_engine`, `socket`")


class RoutingTest(ApiTest):
    def setUp(self):
        super().setUp()
        self.start()

    def test_errors_of_the_router(self):
        for method, target, body, message in (
                ("GET", "/foo", None, "Invalid request method and/or path: GET foo."),
                ("GET", "/vm", None, "Invalid request method and/or path: GET vm."),
                ("PUT", "/foo", {}, "Invalid request method and/or path: PUT foo."),
                ("PATCH", "/actions", {}, "Invalid request method and/or path: PATCH actions."),
                ("DELETE", "/vm", None, "Invalid request method and/or path: DELETE vm."),
                ("GET", "/", {}, "GET request cannot have a body."),
                ("GET", "/foo", {}, "GET request cannot have a body."),
                ("PUT", "/machine-config", None, "Empty PUT request."),
                ("PATCH", "/vm", None, "Empty PATCH request."),
                ("PATCH", "/machine-config", {}, "Empty PATCH request."),
                ("DELETE", "/drives/a", {}, "Empty Delete request."),
                ("PUT", "/snapshot", {}, "Missing snapshot operation type."),
                ("PUT", "/snapshot/foo", {}, "Invalid request method and/or path: PUT /snapshot/foo."),
                ("PUT", "/mmds/foo", {}, "Unrecognized PUT request path `foo`."),
                ("GET", "/balloon/foo", None, "Unrecognized GET request path `foo`."),
                ("PUT", "/drives", {}, "The ID cannot be empty."),
                ("PUT", "/drives/a-b", {}, "API Resource IDs can only contain alphanumeric characters and underscores."),
                ("PUT", "/network-interfaces/a.b", {},
                 "API Resource IDs can only contain alphanumeric characters and underscores."),
                ("PUT", "/drives/a", {"drive_id": "b", "is_root_device": False},
                 "The id from the path does not match the id from the body!"),
                ("PATCH", "/drives/a", {"drive_id": "b"}, "The id from the path does not match the id from the body!"),
                ("PUT", "/network-interfaces/a", {"iface_id": "b", "host_dev_name": "t"},
                 "The id from the path [a] does not match the id from the body [b]!")):
            with self.subTest(f"{method} {target}"):
                self.refused(self.api.connection.request(method, target, body), message)

    def test_surplus_parts_of_a_path_are_ignored(self):
        self.done(self.api.put("/machine-config/foo", MACHINE))
        self.found(self.api.get("/mmds/x"))
        self.found(self.api.get("//version/"))

    def test_errors_of_bodies(self):
        for target, body, message in (
                ("/machine-config", '{"mem_size_mib": 128}', "missing field `vcpu_count` at line 1 column 21"),
                ("/machine-config", '{"vcpu_count": "x"}',
                 'invalid type: string "x", expected u8 at line 1 column 18'),
                ("/machine-config", '{"vcpu_count": -1}', "invalid value: integer `-1`, expected u8 at line 1 column 17"),
                ("/machine-config", '{"vcpu_count": 256}', "invalid value: integer `256`, expected u8 at line 1 column 18"),
                ("/machine-config", '{"vcpu_count": 1, "mem_size_mib": 1.5}',
                 "invalid type: floating point `1.5`, expected usize at line 1 column 37"),
                ("/machine-config", '{"foo": 1}',
                 "unknown field `foo`, expected one of `vcpu_count`, `mem_size_mib`, `smt`, `cpu_template`, "
                 "`track_dirty_pages`, `huge_pages` at line 1 column 6"),
                ("/machine-config", '{"vcpu_count": 1,\n "vcpu_count": 2}', "duplicate field `vcpu_count` at line 2 column 13"),
                ("/machine-config", '{"vcpu_count": 1, "mem_size_mib": 2, "huge_pages": "4M"}',
                 "unknown variant `4M`, expected one of `None`, `Transparent`, `2M` at line 1 column 55"),
                ("/machine-config", "{", "EOF while parsing an object at line 1 column 1"),
                ("/machine-config", "[]", "invalid type: sequence, expected struct MachineConfig at line 1 column 0"),
                ("/machine-config", '{"vcpu_count": 1,}', "trailing comma at line 1 column 18"),
                ("/actions", '{"action_type": "Foo"}',
                 "unknown variant `Foo`, expected one of `FlushMetrics`, `InstanceStart`, `SendCtrlAltDel` "
                 "at line 1 column 21"),
                ("/drives/a", '{"drive_id": "a"}', "missing field `is_root_device` at line 1 column 17"),
                ("/mmds/config", '{"version": "V3", "network_interfaces": []}',
                 "unknown variant `V3`, expected `V1` or `V2` at line 1 column 16"),
                ("/network-interfaces/a", '{"iface_id": "a", "host_dev_name": "t", "guest_mac": "foo"}',
                 "The provided MAC address is invalid. at line 1 column 59"),
                ("/mmds", "foo", "expected ident at line 1 column 2")):
            with self.subTest(body):
                self.refused(self.api.put(target, body.encode()), f"{JSON_ERROR}{message}.")

    def test_every_optional_field_may_be_null(self):
        self.done(self.api.put("/machine-config", {**MACHINE, "smt": None, "track_dirty_pages": None, "huge_pages": None}))
        self.done(self.api.put("/drives/a", {"drive_id": "a", "is_root_device": False, "path_on_host": self.disk(),
                                             "partuuid": None, "cache_type": None, "is_read_only": None,
                                             "rate_limiter": None, "io_engine": None, "socket": None}))

    def test_devices_that_are_not_there(self):
        for method, target, body, device in (
                ("GET", "/balloon", None, "virtio-balloon"), ("PUT", "/balloon", {}, "virtio-balloon"),
                ("PATCH", "/balloon/statistics", {}, "virtio-balloon"), ("GET", "/balloon/statistics", None, "virtio-balloon"),
                ("PUT", "/vsock", {}, "virtio-vsock"), ("PUT", "/entropy", {}, "virtio-rng"),
                ("PUT", "/pmem/a", {}, "virtio-pmem"), ("DELETE", "/pmem/a", None, "virtio-pmem"),
                ("GET", "/hotplug/memory", None, "virtio-mem"),
                ("PUT", "/drives/a", {"drive_id": "a", "is_root_device": False, "socket": "s"}, "vhost-user-block")):
            with self.subTest(f"{method} {target}"):
                self.refused(self.api.connection.request(method, target, body),
                             f"The requested operation is not supported: {device} device.")

    def test_deprecation_is_said(self):
        def is_deprecated(response):
            self.done(response)
            return response.header("Deprecation") == "true"
        self.assertFalse(is_deprecated(self.api.put("/machine-config", MACHINE)))
        self.assertTrue(is_deprecated(self.api.put("/machine-config", {**MACHINE, "cpu_template": "None"})))
        self.assertTrue(is_deprecated(self.api.patch("/machine-config", {"cpu_template": "None"})))

    def test_what_is_only_for_a_running_vm(self):
        for method, target, body in (
                ("PATCH", "/vm", {"state": "Paused"}), ("PATCH", "/drives/a", {"drive_id": "a"}),
                ("PATCH", "/network-interfaces/a", {"iface_id": "a"}), ("DELETE", "/drives/a", None),
                ("PUT", "/actions", {"action_type": "FlushMetrics"}), ("PUT", "/actions", {"action_type": "SendCtrlAltDel"})):
            with self.subTest(f"{method} {target}"):
                self.refused(self.api.connection.request(method, target, body), BEFORE_START)


@needs_kvm
class RunningTest(ApiTest):
    def test_what_is_only_for_a_vm_that_has_not_started(self):
        self.boot()
        kernel = self.kernel()
        for method, target, body in (
                ("PUT", "/machine-config", MACHINE), ("PATCH", "/machine-config", {"smt": False}),
                ("PUT", "/boot-source", {"kernel_image_path": kernel}), ("PUT", "/logger", {}),
                ("PUT", "/metrics", {"metrics_path": self.path("m")}), ("PUT", "/serial", {}), ("PUT", "/cpu-config", {}),
                ("PUT", "/mmds/config", {"network_interfaces": ["a"]}), ("PUT", "/actions", {"action_type": "InstanceStart"})):
            with self.subTest(f"{method} {target}"):
                self.refused(self.api.connection.request(method, target, body), AFTER_START)
        for method, target, body in (
                ("PUT", "/drives/a", {"drive_id": "a", "is_root_device": False, "path_on_host": kernel}),
                ("PUT", "/network-interfaces/a", {"iface_id": "a", "host_dev_name": "t"}),
                ("DELETE", "/drives/a", None), ("DELETE", "/network-interfaces/a", None)):
            with self.subTest(f"{method} {target}"):
                self.refused(self.api.connection.request(method, target, body), "PCI is not enabled")

    def test_patches_of_devices(self):
        self.start()
        self.configure()
        self.done(self.api.put("/drives/a", {"drive_id": "a", "is_root_device": False, "path_on_host": self.disk()}))
        self.done(self.api.action("InstanceStart"))
        prefix = "Drive config error: Unable to patch the block device: "
        self.refused(self.api.patch("/drives/a", {"drive_id": "a"}),
                     f"{prefix}Block: Running method expected different backend. Please verify the request arguments.")
        self.refused(self.api.patch("/drives/b", {"drive_id": "b", "path_on_host": self.disk("b")}),
                     f"{prefix}Failed perform action on device: Device not found")
        self.refused(self.api.patch("/drives/a", {"drive_id": "a", "path_on_host": "/none"}),
                     f"{prefix}Block: Virtio backend error: Error manipulating the backing file: No such file or directory "
                     "(os error 2) /none")
        larger = self.disk("larger", 2 << 20)
        self.done(self.api.patch("/drives/a", {"drive_id": "a", "path_on_host": larger, "rate_limiter": {
            "ops": {"size": 10, "refill_time": 1000}}}))
        drive = self.found(self.api.get("/vm/config"))["drives"][0]
        self.assertEqual(drive["path_on_host"], larger)
        self.assertEqual(drive["rate_limiter"]["ops"], {"size": 10, "one_time_burst": None, "refill_time": 1000})
        self.refused(self.api.patch("/network-interfaces/n", {"iface_id": "n"}),
                     "Network config error: Failed perform action on device: Device not found")
        # Paused as well: nothing is in flight, and the new file is there at once.
        self.done(self.api.patch("/vm", {"state": "Paused"}))
        self.done(self.api.patch("/drives/a", {"drive_id": "a", "path_on_host": self.disk("third")}))


class ConfigTest(ApiTest):
    """The rules of each part of the configuration."""

    def setUp(self):
        super().setUp()
        self.start()

    def test_machine(self):
        self.assertEqual(self.found(self.api.get("/machine-config")),
                         {"vcpu_count": 1, "mem_size_mib": 128, "smt": False, "track_dirty_pages": False, "huge_pages": "None"})
        vcpus = ("Machine config error: The number of vCPUs must be greater than 0, less than 32 and must be 1 or an even "
                 "number if SMT is enabled.")
        memory = "Machine config error: The memory size (MiB) is either 0, or not a multiple of the configured page size."
        for change, message in (({"vcpu_count": 0}, vcpus), ({"vcpu_count": 33}, vcpus), ({"vcpu_count": 3, "smt": True}, vcpus),
                                ({"mem_size_mib": 0}, memory), ({"mem_size_mib": 3, "huge_pages": "2M"}, memory)):
            self.refused(self.api.put("/machine-config", {**MACHINE, **change}), message)
        self.done(self.api.put("/machine-config", {"vcpu_count": 2, "mem_size_mib": 2**64 - 1, "smt": True,
                                                   "track_dirty_pages": True, "cpu_template": "T2"}))
        self.done(self.api.patch("/machine-config", {"mem_size_mib": 64}))
        self.assertEqual(self.found(self.api.get("/machine-config")),
                         {"vcpu_count": 2, "mem_size_mib": 64, "smt": True, "cpu_template": "T2", "track_dirty_pages": True,
                          "huge_pages": "None"})
        # What is left out is at its default again, but for the template.
        self.done(self.api.put("/machine-config", MACHINE))
        self.assertEqual(self.found(self.api.get("/machine-config")),
                         {**MACHINE, "smt": False, "cpu_template": "T2", "track_dirty_pages": False, "huge_pages": "None"})

    def test_boot_source(self):
        kernel = self.kernel()
        self.refused(self.api.put("/boot-source", {"kernel_image_path": "/none"}),
                     "Boot source error: The kernel file cannot be opened: No such file or directory (os error 2)")
        self.refused(self.api.put("/boot-source", {"kernel_image_path": kernel, "initrd_path": "/none"}),
                     "Boot source error: The initrd file cannot be opened due to invalid path or invalid permissions. "
                     "No such file or directory (os error 2)")
        response = self.api.put("/boot-source", {"kernel_image_path": kernel, "boot_args": "x" * 2048})
        self.assertTrue(response.fault.startswith("Boot source error: The kernel command line is invalid: "), response)
        self.done(self.api.put("/boot-source", {"kernel_image_path": kernel, "boot_args": "quiet"}))
        self.assertEqual(self.found(self.api.get("/vm/config"))["boot-source"],
                         {"kernel_image_path": kernel, "initrd_path": None, "boot_args": "quiet"})

    def drives(self):
        return [drive["drive_id"] for drive in self.found(self.api.get("/vm/config"))["drives"]]

    def test_drives(self):
        unable = "Drive config error: Unable to create the virtio block device: "
        disk = self.disk()
        self.refused(self.api.put("/drives/a", {"drive_id": "a", "is_root_device": False}), f"{unable}Invalid block config.")
        self.refused(self.api.put("/drives/a", {"drive_id": "a", "is_root_device": False, "path_on_host": "foo.bar"}),
                     f"{unable}Virtio backend error: Error manipulating the backing file: No such file or directory "
                     "(os error 2) foo.bar")

        def put(name, root=False, **fields):
            return self.api.put(f"/drives/{name}", {"drive_id": name, "is_root_device": root, "path_on_host": disk, **fields})
        self.done(put("a"))
        self.done(put("b"))
        self.done(put("root", root=True))
        self.assertEqual(self.drives(), ["root", "a", "b"])
        self.refused(put("b", root=True), "Drive config error: A root block device already exists!")
        # The same id again replaces it, in its place.
        self.done(put("a", is_read_only=True))
        self.assertEqual(self.drives(), ["root", "a", "b"])
        self.assertTrue(self.found(self.api.get("/vm/config"))["drives"][1]["is_read_only"])
        self.done(put("root"))
        self.done(put("b", root=True))
        self.assertEqual(self.drives(), ["b", "a", "root"])
        # Placeholders are empty files.
        self.done(self.api.put("/drives/empty", {"drive_id": "empty", "is_root_device": False,
                                                 "path_on_host": self.disk("empty", 0)}))

    def test_vm_config_of_a_vm_without_anything(self):
        self.assertEqual(self.found(self.api.get("/vm/config")), {
            "balloon": None, "drives": [], "boot-source": None, "cpu-config": None, "logger": None,
            "machine-config": {"vcpu_count": 1, "mem_size_mib": 128, "smt": False, "track_dirty_pages": False,
                               "huge_pages": "None"},
            "metrics": None, "mmds-config": None, "network-interfaces": [], "vsock": None, "entropy": None, "pmem": [],
            "memory-hotplug": None})

    def test_metadata(self):
        self.assertEqual(self.found(self.api.get("/mmds")), {})
        self.refused(self.api.patch("/mmds", {"a": 1}), "MMDS error: The MMDS data store is not initialized.")
        self.done(self.api.put("/mmds", {"a": {"b": "c", "d": "e"}}))
        self.done(self.api.patch("/mmds", {"a": {"b": None, "f": [1]}}))
        self.assertEqual(self.found(self.api.get("/mmds")), {"a": {"d": "e", "f": [1]}})
        self.done(self.api.put("/mmds", {"a": "x" * 30000}))
        self.refused(self.api.patch("/mmds", {"b": "x" * 30000}),
                     "MMDS limit exceeded error: The MMDS patch request doesn't fit.", status=413)
        self.assertEqual(list(self.found(self.api.get("/mmds"))), ["a"])

    def test_metadata_service(self):
        prefix = "MMMDS config error: "
        self.refused(self.api.put("/mmds/config", {"network_interfaces": []}),
                     f"{prefix}The list of network interface IDs that allow forwarding MMDS requests is empty.")
        self.refused(self.api.put("/mmds/config", {"network_interfaces": ["a"]}),
                     f"{prefix}The list of network interface IDs provided contains at least one ID that does not correspond "
                     "to any existing network interface.")

    def test_metrics_once(self):
        self.done(self.api.put("/metrics", {"metrics_path": self.path("metrics")}))
        self.refused(self.api.put("/metrics", {"metrics_path": self.path("other")}),
                     "Metrics error: Cannot initialize the metrics system due to bad user input: Reinitialization of metrics "
                     "not allowed.")

    def test_logger_again_and_again(self):
        for name in ("one", "two"):
            self.done(self.api.put("/logger", {"log_path": self.path(name), "level": "WARNING", "show_level": True}))
        response = self.api.put("/logger", {"log_path": "/none/log"})
        self.assertEqual(response.fault, "Logger error: Failed to open target file: No such file or directory (os error 2)")

    def test_serial_and_cpu_template(self):
        self.done(self.api.put("/serial", {"serial_out_path": self.path("serial"),
                                           "rate_limiter": {"size": 10, "refill_time": 100}}))
        self.done(self.api.put("/cpu-config", {"cpuid_modifiers": [{"leaf": "0x1", "subleaf": "0x0", "flags": 0, "modifiers": [
            {"register": "ecx", "bitmap": "0b0xxx"}]}]}))
        self.assertEqual(self.api.put("/cpu-config", {"msr_modifiers": [{"addr": "10", "bitmap": "1"}]}).status, 400)


@needs_root
class NetworkTest(ApiTest):
    """Cards on TAPs of a namespace of the test's own."""

    def setUp(self):
        super().setUp()
        sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "linux"))
        import network
        self.net = network.Network(taps=3)
        self.addCleanup(self.net.delete)
        self.start(launcher=self.net.launcher)

    def put(self, name, tap, **fields):
        return self.api.put(f"/network-interfaces/{name}", {"iface_id": name, "host_dev_name": tap, **fields})

    def cards(self):
        return [card["iface_id"] for card in self.found(self.api.get("/vm/config"))["network-interfaces"]]

    def test_cards(self):
        self.done(self.put("a", "tap0", guest_mac="06:00:ac:10:00:02", mtu=1400))
        self.refused(self.put("b", "tap1", guest_mac="06:00:AC:10:00:02"),
                     "Network config error: The MAC address is already in use: 06:00:ac:10:00:02")
        self.done(self.put("b", "tap1"))
        self.done(self.put("c", "tap2"))
        # The same id again takes the last place.
        self.done(self.put("a", "tap0"))
        self.assertEqual(self.cards(), ["c", "b", "a"])
        response = self.put("d", "tap0")
        self.assertIn("Could not create the network device: Open tap device failed: ", response.fault)
        self.assertIn("Resource busy (os error 16)", response.fault)
        self.assertIn("MTU 10 is out of range [68, 65535]", self.put("d", "tap9", mtu=10).fault)
        self.assertEqual(self.cards(), ["c", "b", "a"])
        self.done(self.api.put("/mmds/config", {"version": "V2", "network_interfaces": ["a", "b"]}))
        self.refused(self.api.put("/mmds/config", {"network_interfaces": ["a"], "ipv4_address": "10.0.0.1"}),
                     "MMMDS config error: The MMDS IPv4 address is not link local.")
        self.assertEqual(self.found(self.api.get("/vm/config"))["mmds-config"],
                         {"version": "V2", "network_interfaces": ["a", "b"], "ipv4_address": "169.254.169.254",
                          "imds_compat": False})
        self.assertEqual(self.api.put("/mmds/config", {"network_interfaces": ["a"]}).header("Deprecation"), "true")

    def test_tap_of_several_queues_is_refused(self):
        self.net.run("ip", "tuntap", "add", "dev", "mq0", "mode", "tap", "multi_queue")
        self.refused(self.put("a", "mq0"),
                     "Network config error: Could not create the network device: Open tap device failed: Error while creating "
                     "ifreq structure: Invalid argument (os error 22). Invalid TUN/TAP Backend provided by mq0. Check our "
                     "documentation on setting up the network devices.")

    def test_missing_tap_is_made(self):
        self.done(self.put("a", "fresh0"))
        self.assertIn("fresh0", self.net.run("ip", "link"))

    @needs_kvm
    def test_limits_of_a_running_card(self):
        self.configure(tiny_guest.COUNT)
        self.done(self.put("a", "tap0"))
        self.done(self.api.action("InstanceStart"))
        bucket = {"size": 1000, "one_time_burst": 5, "refill_time": 100}
        self.done(self.api.patch("/network-interfaces/a", {"iface_id": "a", "rx_rate_limiter": {"bandwidth": bucket}}))
        card = self.found(self.api.get("/vm/config"))["network-interfaces"][0]
        self.assertEqual(card["rx_rate_limiter"], {"bandwidth": bucket, "ops": None})
        self.done(self.api.patch("/network-interfaces/a", {"iface_id": "a"}))


if __name__ == "__main__":
    main()
