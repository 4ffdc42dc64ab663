"""Every route in both states of a machine: what none serves, ids, bodies missing or not wanted, devices that are not there."""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from monitor import AFTER_START, BEFORE_START, VERSION, ApiTest, main, needs_kvm  # noqa: E402

NO_ROUTE = "Invalid request method and/or path: {} {}."
BAD_ID = "API Resource IDs can only contain alphanumeric characters and underscores."
NO_ID = "The ID cannot be empty."
OTHER_ID = "The id from the path does not match the id from the body!"
NO_BODY = {"PUT": "Empty PUT request.", "PATCH": "Empty PATCH request."}
UNAVAILABLE = "The requested operation is not supported: {} device."
NO_PCI = "PCI is not enabled"

GET_ROUTES = ("/", "/version", "/vm/config", "/machine-config", "/mmds")
DRIVE = {"drive_id": "d", "is_root_device": False, "path_on_host": "nothing"}

# method, target, body, message of the 400
ROUTING = [
    ("GET", "/nothing", None, NO_ROUTE.format("GET", "nothing")),
    ("GET", "/vm", None, NO_ROUTE.format("GET", "vm")),
    ("GET", "/vm/other", None, NO_ROUTE.format("GET", "vm")),
    ("GET", "/actions", None, NO_ROUTE.format("GET", "actions")),
    ("GET", "/boot-source", None, NO_ROUTE.format("GET", "boot-source")),
    ("GET", "/drives", None, NO_ROUTE.format("GET", "drives")),
    ("GET", "/drives/a", None, NO_ROUTE.format("GET", "drives")),
    ("GET", "/Version", None, NO_ROUTE.format("GET", "Version")),
    ("GET", "/snapshot/create", None, NO_ROUTE.format("GET", "snapshot")),
    ("PUT", "/", {}, NO_ROUTE.format("PUT", "")),
    ("PUT", "/nothing", {}, NO_ROUTE.format("PUT", "nothing")),
    ("PUT", "/vm", {}, NO_ROUTE.format("PUT", "vm")),
    ("PUT", "/version", {}, NO_ROUTE.format("PUT", "version")),
    ("PUT", "/hotplug", {}, NO_ROUTE.format("PUT", "hotplug")),
    ("PUT", "/hotplug/other", {}, NO_ROUTE.format("PUT", "hotplug")),
    ("PUT", "/snapshot", {}, "Missing snapshot operation type."),
    ("PUT", "/snapshot/", {}, "Missing snapshot operation type."),
    ("PUT", "/snapshot/foo", {}, NO_ROUTE.format("PUT", "/snapshot/foo")),
    ("PUT", "/mmds/foo", {}, "Unrecognized PUT request path `foo`."),
    ("GET", "/balloon/foo", None, "Unrecognized GET request path `foo`."),
    ("PATCH", "/", {}, NO_ROUTE.format("PATCH", "")),
    ("PATCH", "/nothing", {}, NO_ROUTE.format("PATCH", "nothing")),
    ("PATCH", "/boot-source", {"kernel_image_path": "a"}, NO_ROUTE.format("PATCH", "boot-source")),
    ("PATCH", "/logger", {"level": "Error"}, NO_ROUTE.format("PATCH", "logger")),
    ("PATCH", "/actions", {}, NO_ROUTE.format("PATCH", "actions")),
    ("DELETE", "/", None, NO_ROUTE.format("DELETE", "")),
    ("DELETE", "/nothing", None, NO_ROUTE.format("DELETE", "nothing")),
    ("DELETE", "/machine-config", None, NO_ROUTE.format("DELETE", "machine-config")),
    # A body where none belongs, or none where one does, comes before the path.
    ("GET", "/nothing", {}, "GET request cannot have a body."),
    ("PUT", "/nothing", None, NO_BODY["PUT"]),
    ("PATCH", "/nothing", None, NO_BODY["PATCH"]),
    ("DELETE", "/drives/a", {}, "Empty Delete request."),
    # Ids.
    ("PUT", "/drives", {}, NO_ID),
    ("PUT", "/drives/", {}, NO_ID),
    ("PATCH", "/drives", {}, NO_ID),
    ("PUT", "/network-interfaces", {}, NO_ID),
    ("PATCH", "/network-interfaces/", {}, NO_ID),
    ("PUT", "/drives/a-b", DRIVE, BAD_ID),
    ("PUT", "/drives/a.b", DRIVE, BAD_ID),
    ("PUT", "/drives/a%20b", DRIVE, BAD_ID),
    ("PATCH", "/drives/a+b", DRIVE, BAD_ID),
    ("PUT", "/network-interfaces/a$", {}, BAD_ID),
    ("PUT", "/drives/e", DRIVE, OTHER_ID),
    ("PATCH", "/drives/e", {"drive_id": "d"}, OTHER_ID),
    ("PUT", "/network-interfaces/a", {"iface_id": "b", "host_dev_name": "tap0"},
     "The id from the path [a] does not match the id from the body [b]!"),
    ("PATCH", "/network-interfaces/a", {"iface_id": "b"},
     "The id from the path [a] does not match the id from the body [b]!"),
    ("PATCH", "/machine-config", {}, NO_BODY["PATCH"]),
]
PUT_ROUTES = ("/actions", "/boot-source", "/cpu-config", "/drives/a", "/logger", "/machine-config", "/metrics", "/mmds",
              "/mmds/config", "/network-interfaces/a", "/serial", "/snapshot/create", "/snapshot/load")
PATCH_ROUTES = ("/drives/a", "/machine-config", "/mmds", "/network-interfaces/a", "/vm")

LIMITER = {"ops": {"size": 1, "refill_time": 100}}
# method, target, body, name of the device
UNAVAILABLE_DEVICES = [
    ("GET", "/balloon", None, "virtio-balloon"),
    ("PUT", "/balloon", {"amount_mib": 1, "deflate_on_oom": True}, "virtio-balloon"),
    ("PATCH", "/balloon", {"amount_mib": 1}, "virtio-balloon"),
    ("GET", "/balloon/statistics", None, "virtio-balloon"),
    ("PATCH", "/balloon/statistics", {"stats_polling_interval_s": 1}, "virtio-balloon"),
    ("PATCH", "/balloon/hinting/start", {}, "virtio-balloon"),
    ("PATCH", "/balloon/hinting/stop", {}, "virtio-balloon"),
    ("GET", "/balloon/hinting/status", None, "virtio-balloon"),
    ("PUT", "/vsock", {"guest_cid": 3, "uds_path": "v.sock"}, "virtio-vsock"),
    ("PUT", "/entropy", {}, "virtio-rng"),
    ("PUT", "/pmem/p", {"id": "p", "path_on_host": "nothing"}, "virtio-pmem"),
    ("PATCH", "/pmem/p", {"id": "p", "rate_limiter": LIMITER}, "virtio-pmem"),
    ("DELETE", "/pmem/p", None, "virtio-pmem"),
    ("GET", "/hotplug/memory", None, "virtio-mem"),
    ("PUT", "/hotplug/memory", {"total_size_mib": 1024}, "virtio-mem"),
    ("PATCH", "/hotplug/memory", {"requested_size_mib": 128}, "virtio-mem"),
]
LOAD = {"snapshot_path": "s", "mem_backend": {"backend_path": "m", "backend_type": "File"}}
CREATE = {"snapshot_path": "s", "mem_file_path": "m"}
# What only one of the two states of a machine allows: method, target, body.
ONLY_BEFORE = [
    ("PUT", "/boot-source", {"kernel_image_path": "k"}),
    ("PUT", "/cpu-config", {"kvm_capabilities": []}),
    ("PUT", "/logger", {"level": "Info"}),
    ("PUT", "/machine-config", {"vcpu_count": 1, "mem_size_mib": 1}),
    ("PATCH", "/machine-config", {"vcpu_count": 1}),
    ("PUT", "/metrics", {"metrics_path": "m"}),
    ("PUT", "/mmds/config", {"network_interfaces": ["a"], "version": "V2"}),
    ("PUT", "/serial", {"serial_out_path": "s"}),
    ("PUT", "/actions", {"action_type": "InstanceStart"}),
    ("PUT", "/snapshot/load", LOAD),
]
ONLY_AFTER = [
    ("PATCH", "/vm", {"state": "Paused"}),
    ("PATCH", "/vm", {"state": "Resumed"}),
    ("PUT", "/actions", {"action_type": "FlushMetrics"}),
    ("PUT", "/actions", {"action_type": "SendCtrlAltDel"}),
    ("PATCH", "/drives/a", {"drive_id": "a", "path_on_host": "p"}),
    ("PATCH", "/network-interfaces/a", {"iface_id": "a"}),
    ("DELETE", "/drives/a", None),
    ("DELETE", "/network-interfaces/a", None),
    ("PUT", "/snapshot/create", CREATE),
]


class TableTest(ApiTest):
    """Goes through a table; every entry is a request of its own."""

    def check_all(self, table):
        for method, target, body, message in table:
            with self.subTest(request=f"{method} {target} {body}"):
                self.refused(self.api.connection.request(method, target, body), message)


class RoutesTest(TableTest):
    """Before the start."""

    def setUp(self):
        super().setUp()
        self.start()

    def test_what_no_route_serves(self):
        self.check_all(ROUTING)
        self.assertEqual(self.state(), "Not started")

    def test_bodies_missing_or_not_wanted(self):
        self.check_all([("GET", target, {}, "GET request cannot have a body.") for target in GET_ROUTES])
        self.check_all([("PUT", target, None, NO_BODY["PUT"]) for target in PUT_ROUTES])
        self.check_all([("PATCH", target, None, NO_BODY["PATCH"]) for target in PATCH_ROUTES])

    def test_ids_may_have_letters_of_any_script(self):
        for name in ("a", "root_fs", "9", "_", "\u00e9t\u00e9", "\u30c7\u30a3\u30b9\u30af", "x" * 200):
            with self.subTest(name=name):
                self.done(self.api.put(f"/drives/{name}", {"drive_id": name, "is_root_device": False,
                                                           "path_on_host": self.disk()}))

    def test_surplus_tokens_and_slashes_are_ignored(self):
        for target in ("/machine-config/", "/machine-config/x/y", "//machine-config", "/machine-config//"):
            with self.subTest(target=target):
                self.assertIn("vcpu_count", self.found(self.api.get(target)))
        self.assertEqual(self.found(self.api.get("/mmds/x")), {})
        self.assertEqual(self.found(self.api.get("/version/x")), {"firecracker_version": VERSION})
        self.done(self.api.put("/machine-config/foo", {"vcpu_count": 3, "mem_size_mib": 64}))

    def test_instance_information_has_its_four_keys_in_order(self):
        response = self.api.get("/")
        self.assertEqual(response.body.decode(), '{"id":"test","state":"Not started","vmm_version":"%s",'
                         '"app_name":"Firecracker"}' % VERSION)

    def test_version(self):
        self.assertEqual(self.api.get("/version").body.decode(), '{"firecracker_version":"%s"}' % VERSION)

    def test_metrics_as_prometheus_text(self):
        response = self.api.get("/metrics")
        self.assertEqual(response.status, 200, response)
        lines = response.body.decode().splitlines()
        self.assertTrue(lines)
        for line in lines:
            self.assertRegex(line, r'\A(#.*|[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^}]*\})? [-+0-9.eE]+( \d+)?)\Z')

    def test_devices_that_are_not_there(self):
        self.check_all([(method, target, body, UNAVAILABLE.format(device))
                        for method, target, body, device in UNAVAILABLE_DEVICES])

    def test_vhost_user_drive_is_not_there(self):
        drive = {"drive_id": "a", "is_root_device": False, "socket": "s"}
        self.refused(self.api.put("/drives/a", drive), UNAVAILABLE.format("vhost-user-block"))

    def test_before_start(self):
        self.check_all([(*request, BEFORE_START) for request in ONLY_AFTER])


class DeprecationTest(ApiTest):
    """A header, a line in the log and a counter for what clients should leave."""

    TEMPLATE = {"vcpu_count": 1, "mem_size_mib": 64, "cpu_template": "None"}

    def test_fields_that_are_deprecated(self):
        self.start()
        cases = [("PUT", "/machine-config", self.TEMPLATE, True),
                 ("PUT", "/machine-config", {**self.TEMPLATE, "cpu_template": "T2"}, True),
                 ("PATCH", "/machine-config", {"cpu_template": "None"}, True),
                 ("PUT", "/machine-config", {"vcpu_count": 1, "mem_size_mib": 64}, False),
                 ("PUT", "/machine-config", {**self.TEMPLATE, "cpu_template": None}, False),
                 ("PATCH", "/machine-config", {"vcpu_count": 2}, False),
                 ("GET", "/machine-config", None, False),
                 # Also when the request then fails.
                 ("PUT", "/mmds/config", {"network_interfaces": []}, True),
                 ("PUT", "/mmds/config", {"network_interfaces": [], "version": "V1"}, True),
                 ("PUT", "/mmds/config", {"network_interfaces": [], "version": "V2"}, False)]
        for method, target, body, deprecated in cases:
            with self.subTest(request=f"{method} {target} {body}"):
                header = self.api.connection.request(method, target, body).header("Deprecation")
                self.assertEqual(header, "true" if deprecated else None)
        for line in ("PUT /machine-config: cpu_template field is deprecated.",
                     "PATCH /machine-config: cpu_template field is deprecated.",
                     "PUT /mmds/config: V1 is deprecated. Use V2 instead."):
            self.assertIn(line, self.monitor.output())
        self.assertIn('mayfly_deprecated_api_deprecated_http_api_calls_total{id="test"} 5\n',
                      self.api.get("/metrics").body.decode())


@needs_kvm
class StartedRoutesTest(TableTest):
    """The same with a running guest."""

    def setUp(self):
        super().setUp()
        self.boot()

    def test_after_start(self):
        self.check_all([(*request, AFTER_START) for request in ONLY_BEFORE])
        self.assertEqual(self.state(), "Running")

    def test_hot_plug_needs_pci(self):
        self.refused(self.api.put("/drives/a", {"drive_id": "a", "is_root_device": False, "path_on_host": self.disk()}), NO_PCI)
        self.refused(self.api.put("/network-interfaces/a", {"iface_id": "a", "host_dev_name": "tap0"}), NO_PCI)
        for target in ("/drives/a", "/network-interfaces/a"):
            self.refused(self.api.delete(target), NO_PCI)

    def test_what_any_state_allows(self):
        for target in GET_ROUTES:
            self.found(self.api.get(target))
        self.done(self.api.put("/mmds", {"a": 1}))
        self.done(self.api.patch("/mmds", {"b": 2}))
        self.assertEqual(self.found(self.api.get("/mmds")), {"a": 1, "b": 2})

    def test_devices_that_are_not_there(self):
        self.check_all([(method, target, body, UNAVAILABLE.format(device))
                        for method, target, body, device in UNAVAILABLE_DEVICES])

    def test_unknown_devices(self):
        gone = re.compile(r".*Failed perform action on device: Device not found.*")
        self.refused(self.api.patch("/drives/a", {"drive_id": "a", "path_on_host": self.disk()}), gone)
        self.refused(self.api.patch("/network-interfaces/a", {"iface_id": "a"}), re.compile(r".*[Dd]evice not found.*"))

    def test_routing_is_the_same(self):
        self.check_all([entry for entry in ROUTING if entry[2] is None or entry[0] == "PUT"])


if __name__ == "__main__":
    main()
