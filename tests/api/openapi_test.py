"""api/openapi.yaml and the monitor agree: every answer has the form described, and every route is there and no other."""

import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from monitor import ROOT, VERSION, ApiTest, main, needs_kvm, needs_root  # noqa: E402
import tiny_guest  # noqa: E402

try:
    import jsonschema
    import yaml
except ImportError as error:
    print(f"SKIPPED: no Python module {error.name}: packages.txt lists what the API's tests need")
    sys.exit(77)

METHODS = ("get", "put", "patch", "delete", "post", "head", "options", "trace")
# An independent validator of OpenAPI documents, as a package of npm.
VALIDATOR = "@seriousme/openapi-schema-validator@2.2.5"
NO_ROUTE = re.compile(r"Invalid request method and/or path: .*|Unrecognized (GET|PUT) request path .*")


def without_nullable(schema):
    """The schema in the words of JSON Schema, which has a list of types in place of OpenAPI 3.0's `nullable`."""
    if isinstance(schema, list):
        return [without_nullable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: without_nullable(value) for key, value in schema.items()}
    return {"anyOf": [schema, {"type": "null"}]} if schema.pop("nullable", False) else schema


class Description:
    """The document, and what it says of a request."""

    def __init__(self):
        with open(os.path.join(ROOT, "api/openapi.yaml"), encoding="utf-8") as file:
            self.document = yaml.safe_load(file)
        self.schemas = without_nullable(self.document["components"]["schemas"])

    def routes(self):
        return {(method.upper(), path) for path, item in self.document["paths"].items() for method in METHODS if method in item}

    def operation(self, method, target):
        """What describes a request, or None."""
        for path, item in self.document["paths"].items():
            pattern = re.sub(r"\{\w+\}", "[^/]+", path)
            if re.fullmatch(pattern, target) and method.lower() in item:
                return item[method.lower()]
        return None

    def validate(self, value, schema):
        whole = {**without_nullable(schema), "components": {"schemas": self.schemas}}
        jsonschema.Draft7Validator(whole).validate(value)


class DocumentTest(ApiTest):
    """The document by itself."""

    def setUp(self):
        super().setUp()
        self.description = Description()
        self.document = self.description.document

    def test_head(self):
        self.assertRegex(self.document["openapi"], r"\A3\.(0|1)\.\d\Z")
        self.assertEqual(self.document["info"]["version"], VERSION)
        self.assertTrue(self.document["info"]["title"])

    def test_operations(self):
        names = []
        for method, path in self.description.routes():
            operation = self.document["paths"][path][method.lower()]
            with self.subTest(operation=f"{method} {path}"):
                names.append(operation["operationId"])
                self.assertTrue(operation["summary"])
                self.assertIn("400", operation["responses"])
                self.assertEqual("requestBody" in operation, method in ("PUT", "PATCH"))
                for status, response in operation["responses"].items():
                    self.assertTrue(response["description"])
                    self.assertEqual("content" in response, status != "204")
                declared = {parameter["name"] for parameter in operation.get("parameters", ())}
                self.assertEqual(declared, set(re.findall(r"\{(\w+)\}", path)))
        self.assertEqual(len(names), len(set(names)))

    def test_schemas_are_schemas_and_all_are_used(self):
        for name, schema in self.description.schemas.items():
            with self.subTest(name=name):
                jsonschema.Draft7Validator.check_schema(schema)
        used = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(self.document)))
        self.assertEqual(used, set(self.description.schemas))

    def test_independent_validator(self):
        if not shutil.which("npm") or not shutil.which("node"):
            self.skipTest("no npm: the independent validator of OpenAPI documents cannot be fetched")
        folder = os.path.join(ROOT, "build/openapi-validator")
        os.makedirs(folder, exist_ok=True)
        if not os.path.isdir(os.path.join(folder, "node_modules/@seriousme")):
            result = subprocess.run(["npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", folder, "--cache",
                                     os.path.join(folder, "cache"), VALIDATOR], capture_output=True, text=True, timeout=60,
                                    stdin=subprocess.DEVNULL, check=False)
            if result.returncode != 0:
                self.skipTest(f"npm cannot fetch {VALIDATOR}: no access to its registry, as it seems")
        script = ('import { Validator } from "@seriousme/openapi-schema-validator"; const validator = new Validator();'
                  "const result = await validator.validate(process.argv[2]); console.log(JSON.stringify(result));"
                  "process.exit(result.valid ? 0 : 1);")
        program = os.path.join(folder, "validate.mjs")
        with open(program, "w", encoding="utf-8") as file:
            file.write(script)
        result = subprocess.run(["node", program, os.path.join(ROOT, "api/openapi.yaml")], capture_output=True, text=True,
                                timeout=60, stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)


class AgreementTest(ApiTest):
    """Every request of a session goes through `call`, which checks body and answer against the document."""

    def setUp(self):
        super().setUp()
        self.description = Description()

    def call(self, method, target, body=None, valid=True):
        """Bodies that are to be refused for their form (`valid` False) must not fit the document either."""
        operation = self.description.operation(method, target)
        self.assertIsNotNone(operation, f"{method} {target} is not described")
        if body is not None:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            if valid:
                self.description.validate(body, schema)
            else:
                with self.assertRaises(jsonschema.ValidationError, msg=f"{method} {target} {body}"):
                    self.description.validate(body, schema)
        response = self.api.connection.request(method, target, body)
        if not valid:
            self.assertEqual(response.status, 400, f"{method} {target} {body}: {response}")
        self.check_answer(operation, response)
        return response

    def check_answer(self, operation, response):
        described = operation["responses"][str(response.status)]
        content = described.get("content")
        if content is None:
            self.assertEqual(response.body, b"")
        else:
            media_type, = content
            self.assertEqual(response.header("Content-Type").split(";")[0], media_type)
            if media_type == "application/json":
                self.description.validate(response.json(), content[media_type]["schema"])
        if response.header("Deprecation"):
            self.assertIn("Deprecation", described.get("headers", {}))

    def test_routes_are_those_described(self):
        self.start()
        parts = ("", "version", "vm", "vm/config", "machine-config", "boot-source", "cpu-config", "drives/a",
                 "network-interfaces/a", "actions", "logger", "metrics", "mmds", "mmds/config", "serial", "snapshot/create",
                 "snapshot/load", "snapshot/working-set", "snapshot/other", "balloon", "balloon/statistics",
                 "balloon/hinting/start", "balloon/hinting/stop", "balloon/hinting/status", "vsock", "entropy", "pmem/a", "hotplug/memory", "hotplug",
                 "nothing", "config", "snapshot", "status")
        for part in parts:
            for method in ("GET", "PUT", "PATCH", "DELETE"):
                target = f"/{part}"
                described = self.description.operation(method, target) is not None
                response = self.api.connection.request(method, target, {} if method in ("PUT", "PATCH") else None)
                served = response.status != 400 or not NO_ROUTE.fullmatch(response.fault)
                # What surplus parts of a path lead to, and what names the operation that is missing.
                if target in ("/snapshot", "/mmds/config", "/vm/config") or part.startswith("balloon/"):
                    served = served and described
                with self.subTest(request=f"{method} {target}"):
                    self.assertEqual(served, described, response)
        for method, path in self.description.routes():
            self.assertIn(re.sub(r"\{\w+\}", "a", path)[1:], parts, method)
        # A route of the source that is not in this list has to be in the document, too.
        with open(os.path.join(ROOT, "api/request_router.cc"), encoding="utf-8") as file:
            routes = re.findall(r'\{HttpMethod::k(\w+), "([^"]*)"', file.read())
        self.assertEqual({(method.upper(), token) for method, token in routes},
                         {(method, path.split("/")[1]) for method, path in self.description.routes()})

    @needs_kvm
    def test_session(self):
        self.start()
        disk = self.disk()
        self.call("GET", "/")
        self.call("GET", "/version")
        self.call("GET", "/vm/config")
        self.call("GET", "/machine-config")
        self.call("PUT", "/logger", {"log_path": self.path("log"), "level": "Debug", "show_level": True,
                                     "show_log_origin": True, "module": ""})
        self.call("PUT", "/metrics", {"metrics_path": self.path("metrics"), "emit_id": True, "properties": {"a": "b"}})
        self.call("PUT", "/metrics", {"metrics_path": self.path("metrics")})
        self.call("PUT", "/machine-config", {"vcpu_count": 2, "mem_size_mib": 64, "smt": True, "track_dirty_pages": False,
                                             "huge_pages": "None", "cpu_template": "T2"})
        self.call("GET", "/machine-config")
        self.call("PATCH", "/machine-config", {"vcpu_count": 2, "cpu_template": "None"})
        self.call("PUT", "/boot-source", {"kernel_image_path": "/nothing"})
        self.call("PUT", "/boot-source", {"kernel_image_path": self.kernel(tiny_guest.SPIN), "initrd_path": None,
                                          "boot_args": "quiet"})
        self.call("PUT", "/drives/root", {"drive_id": "root", "is_root_device": True, "path_on_host": disk, "partuuid": "1-02",
                                          "cache_type": "Writeback", "io_engine": "Async", "is_read_only": False})
        bucket = {"size": 100, "one_time_burst": 5, "refill_time": 100}
        self.call("PUT", "/drives/a", {
            "drive_id": "a", "is_root_device": False, "path_on_host": disk, "num_queues": 2, "direct": False, "discard": True,
            "blk_size": 4096, "topology": {"physical_block_exp": 1, "alignment_offset": 0, "min_io_size": 1, "opt_io_size": 8},
            "serial": "twenty bytes at most", "rate_limiter": {"bandwidth": bucket, "ops": None}})
        self.call("PUT", "/drives/b", {"drive_id": "b", "is_root_device": False, "socket": "s"})
        self.call("PUT", "/mmds", {"a": {"b": [1, None, "c"]}})
        self.call("PUT", "/mmds", {"a": "x" * 51000})
        self.assertEqual(self.call("PATCH", "/mmds", {"b": "x" * 1000}).status, 413)
        self.call("PATCH", "/mmds", {"a": None, "c": 1})
        self.call("GET", "/mmds")
        self.call("PUT", "/mmds/config", {"network_interfaces": ["none"]})
        self.call("PUT", "/serial", {"serial_out_path": self.path("serial"), "rate_limiter": bucket})
        self.call("PUT", "/cpu-config", {
            "kvm_capabilities": ["!56"], "msr_modifiers": [{"addr": "0x10a", "bitmap": "0bx"}],
            "cpuid_modifiers": [{"leaf": "0x1", "subleaf": "0x0", "flags": 0,
                                 "modifiers": [{"register": "ecx", "bitmap": "0bx"}]}]})
        self.call("PUT", "/cpu-config", {})
        self.call("PATCH", "/vm", {"state": "Paused"})
        self.call("GET", "/vm/config")
        self.done(self.call("PUT", "/actions", {"action_type": "InstanceStart"}))
        for method, target, body in (
                ("GET", "/", None), ("GET", "/vm/config", None), ("GET", "/metrics", None), ("GET", "/machine-config", None),
                ("PATCH", "/vm", {"state": "Paused"}), ("GET", "/", None), ("PATCH", "/vm", {"state": "Resumed"}),
                ("PATCH", "/drives/a", {"drive_id": "a", "path_on_host": disk, "rate_limiter": {"ops": bucket}}),
                ("PATCH", "/network-interfaces/a", {"iface_id": "a"}), ("DELETE", "/drives/a", None),
                ("PUT", "/snapshot/create", {"snapshot_path": self.path("state"), "mem_file_path": self.path("memory")}),
                ("PUT", "/snapshot/working-set", {}),
                ("PUT", "/snapshot/load", {"snapshot_path": "s", "mem_file_path": "m"}),
                ("PUT", "/machine-config", {"vcpu_count": 1, "mem_size_mib": 1}),
                ("PUT", "/actions", {"action_type": "FlushMetrics"}), ("PUT", "/actions", {"action_type": "SendCtrlAltDel"})):
            self.call(method, target, body)

    @needs_root
    def test_network_interfaces(self):
        sys.path.insert(0, os.path.join(ROOT, "tests/linux"))
        import network
        net = network.Network()
        self.addCleanup(net.delete)
        self.start(launcher=net.launcher)
        bucket = {"size": 100, "refill_time": 100}
        self.done(self.call("PUT", "/network-interfaces/n", {
            "iface_id": "n", "host_dev_name": "tap0", "guest_mac": "06:00:ac:10:00:02", "mtu": 1400,
            "rx_rate_limiter": {"bandwidth": bucket}, "tx_rate_limiter": None}))
        self.call("GET", "/vm/config")
        for version in ("V1", "V2"):
            self.done(self.call("PUT", "/mmds/config", {"network_interfaces": ["n"], "version": version, "imds_compat": True,
                                                        "ipv4_address": "169.254.169.250"}))
        self.call("GET", "/vm/config")

    @needs_kvm
    def test_snapshot(self):
        self.start()
        self.configure(tiny_guest.COUNT)
        disk = self.disk()
        self.done(self.call("PUT", "/drives/d", {"drive_id": "d", "is_root_device": False, "path_on_host": disk}))
        self.done(self.call("PUT", "/actions", {"action_type": "InstanceStart"}))
        files = {"snapshot_path": self.path("state"), "mem_file_path": self.path("memory")}
        self.assertEqual(self.call("PUT", "/snapshot/create", files).status, 400)
        self.done(self.call("PATCH", "/vm", {"state": "Paused"}))
        self.done(self.call("PUT", "/snapshot/create", {**files, "snapshot_type": "Full"}))
        diff = {"snapshot_type": "Diff", "snapshot_path": self.path("diff"), "mem_file_path": self.path("diff-memory")}
        self.done(self.call("PUT", "/snapshot/create", diff))
        self.monitor.stop()
        backend = {"backend_path": self.path("memory"), "backend_type": "File"}
        limiter = {"bandwidth": {"size": 1 << 20, "refill_time": 100}, "ops": None}
        for body in (
                {"mem_backend": backend, "resume_vm": True, "working_set": "Record", "working_set_ms": None},
                {"mem_backend": backend, "track_dirty_pages": True, "clock_realtime": False, "huge_pages": "Snapshot",
                 "network_overrides": [], "vsock_override": None, "serial_out_path": self.path("serial"),
                 "drive_overrides": [{"drive_id": "d", "path_on_host": self.disk("other"), "rate_limiter": limiter}],
                 "mmds": {"a": 1}, "working_set": "Ignore"},
                {"mem_file_path": self.path("memory"), "enable_diff_snapshots": False}):
            with self.subTest(body=body):
                os.remove(self.monitor.socket_path)
                self.start()
                self.done(self.call("PUT", "/snapshot/load", {"snapshot_path": self.path("state"), **body}))
                recorded = self.call("PUT", "/snapshot/working-set", {})
                self.assertEqual(recorded.status, 204 if body.get("working_set") == "Record" else 400, recorded)
                self.call("GET", "/vm/config")
                self.monitor.stop()
        os.remove(self.monitor.socket_path)
        self.start()
        self.assertEqual(self.call("PUT", "/snapshot/load", {"snapshot_path": "/nothing", "mem_backend": backend}).status, 400)
        self.assertEqual(self.monitor.ended(), 1)

    def test_bodies_that_neither_takes(self):
        self.start()
        drive = {"drive_id": "a", "is_root_device": False, "path_on_host": self.disk()}
        snapshot = {"snapshot_path": "s", "mem_file_path": "m"}
        for method, target, body in (
                ("PUT", "/machine-config", {"vcpu_count": 1}),
                ("PUT", "/machine-config", {"vcpu_count": 0, "mem_size_mib": 1}),
                ("PUT", "/machine-config", {"vcpu_count": 33, "mem_size_mib": 1}),
                ("PUT", "/machine-config", {"vcpu_count": 1, "mem_size_mib": 0}),
                ("PUT", "/machine-config", {"vcpu_count": 1, "mem_size_mib": 1, "huge_pages": "1G"}),
                ("PUT", "/machine-config", {"vcpu_count": 1, "mem_size_mib": 1, "other": 1}),
                ("PATCH", "/machine-config", {}), ("PATCH", "/machine-config", {"smt": 1}),
                ("PUT", "/boot-source", {}), ("PUT", "/boot-source", {"kernel_image_path": 1}),
                ("PUT", "/drives/a", {**drive, "cache_type": "None"}), ("PUT", "/drives/a", {**drive, "num_queues": 0}),
                ("PUT", "/drives/a", {**drive, "blk_size": 8192}), ("PUT", "/drives/a", {**drive, "blk_size": 1000}),
                ("PUT", "/drives/a", {**drive, "blk_size": 0}), ("PUT", "/drives/a", {**drive, "blk_size": -1}),
                ("PUT", "/drives/a", {**drive, "serial": "x" * 21}), ("PUT", "/drives/a", {**drive, "topology": {"other": 1}}),
                ("PUT", "/drives/a", {**drive, "rate_limiter": {"ops": {"size": 1}}}),
                ("PATCH", "/drives/a", {}), ("PATCH", "/drives/a", {"drive_id": "a", "is_read_only": True}),
                ("PUT", "/network-interfaces/a", {"iface_id": "a"}),
                ("PUT", "/network-interfaces/a", {"iface_id": "a", "host_dev_name": "t", "mtu": 67}),
                ("PUT", "/network-interfaces/a", {"iface_id": "a", "host_dev_name": "t", "guest_mac": "06:00"}),
                ("PATCH", "/network-interfaces/a", {"iface_id": "a", "mtu": 1500}),
                ("PUT", "/actions", {"action_type": "Stop"}), ("PATCH", "/vm", {"state": "Running"}),
                ("PUT", "/logger", {"other": 1}), ("PUT", "/logger", {"show_level": "yes"}),
                ("PUT", "/metrics", {"emit_id": True}), ("PUT", "/metrics", {"metrics_path": "m", "properties": {"a": 1}}),
                ("PUT", "/mmds", []), ("PATCH", "/mmds", "text"),
                ("PUT", "/mmds/config", {"network_interfaces": []}),
                ("PUT", "/mmds/config", {"network_interfaces": ["a"], "version": "V3"}),
                ("PUT", "/serial", {"rate_limiter": {"ops": {"size": 1, "refill_time": 1}}}),
                ("PUT", "/snapshot/create", {"snapshot_path": "s"}), ("PUT", "/snapshot/create", {**snapshot, "other": 1}),
                ("PUT", "/snapshot/create", {**snapshot, "snapshot_type": "full"}),
                ("PUT", "/snapshot/working-set", {"other": 1}),
                ("PUT", "/snapshot/load", {"snapshot_path": "s"}), ("PUT", "/snapshot/load", {"mem_file_path": "m"}),
                ("PUT", "/snapshot/load", {**snapshot, "mem_backend": {"backend_path": "m", "backend_type": "File"}}),
                ("PUT", "/snapshot/load", {"snapshot_path": "s", "mem_backend": {"backend_path": "m", "backend_type": "file"}}),
                ("PUT", "/snapshot/load", {**snapshot, "other": 1}), ("PUT", "/snapshot/load", {**snapshot, "resume_vm": 1}),
                ("PUT", "/snapshot/load", {**snapshot, "huge_pages": "1G"}),
                ("PUT", "/snapshot/load", {**snapshot, "network_overrides": [{"host_dev_name": "t"}]}),
                ("PUT", "/snapshot/load", {**snapshot, "network_overrides": [{"iface_id": "a", "guest_mac": "06:00"}]}),
                ("PUT", "/snapshot/load", {**snapshot, "drive_overrides": [{"drive_id": "d", "is_read_only": True}]}),
                ("PUT", "/snapshot/load", {**snapshot, "working_set": "Off"}),
                ("PUT", "/snapshot/load", {**snapshot, "working_set_ms": -1}),
                ("PUT", "/cpu-config", {"kvm_capabilities": ["x"]}), ("PUT", "/cpu-config", {"other": 1}),
                ("PUT", "/cpu-config", {"msr_modifiers": [{"addr": "0x1"}]}),
                ("PUT", "/cpu-config", {"cpuid_modifiers": [{"leaf": "0x1", "subleaf": "0x0", "flags": 0, "modifiers": [
                    {"register": "esi", "bitmap": "0b1"}]}]})):
            with self.subTest(request=f"{method} {target} {body}"):
                self.call(method, target, body, valid=False)


if __name__ == "__main__":
    main()
