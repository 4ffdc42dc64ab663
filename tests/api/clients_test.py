"""Real clients, as a platform has them: curl in a shell script, Python with requests-unixsocket, and the order of calls of
Firecracker's Go SDK with its FIFOs and polling."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from client import wait_until  # noqa: E402
from monitor import ApiTest, main, needs_kvm, needs_root  # noqa: E402

CURL_SCRIPT = r"""
set -eu
request() { # METHOD TARGET BODY: prints the status
  curl --silent --show-error --unix-socket "$SOCKET" -o "$OUT" -w '%{http_code}\n' -X "$1" "localhost$2" \
    -H 'Accept: application/json' -H 'Content-Type: application/json' ${3:+-d "$3"}
}
for _ in $(seq 500); do [ -S "$SOCKET" ] && break; sleep 0.01; done
request PUT /logger "{\"log_path\": \"$FOLDER/log\", \"level\": \"Debug\", \"show_level\": true, \"show_log_origin\": true}"
request PUT /metrics "{\"metrics_path\": \"$FOLDER/metrics\"}"
request PUT /machine-config '{"vcpu_count": 1, "mem_size_mib": 64}'
request PUT /boot-source "{\"kernel_image_path\": \"$KERNEL\", \"boot_args\": \"console=ttyS0\"}"
request PUT /drives/rootfs "{\"drive_id\": \"rootfs\", \"path_on_host\": \"$DISK\", \"is_root_device\": true, \"is_read_only\": false}"
request PUT /mmds '{"latest": {"meta-data": {"id": "i-1"}}}'
request PUT /actions '{"action_type": "InstanceStart"}'
request PATCH /vm '{"state": "Paused"}'
request PATCH /vm '{"state": "Resumed"}'
request PATCH /mmds '{"latest": {"more": 1}}'
request GET /mmds && cat "$OUT" && echo
request GET /vm/config && request GET /machine-config && request GET / && request GET /version
request PUT /actions '{"action_type": "FlushMetrics"}'
request GET /metrics && grep -c '^mayfly_' "$OUT"
request PUT /actions '{"action_type": "SendCtrlAltDel"}'
"""


@needs_kvm
class ClientsTest(ApiTest):
    def test_curl(self):
        if shutil.which("curl") is None:
            self.skipTest("curl is not installed")
        monitor = self.launch()
        environment = {**os.environ, "SOCKET": monitor.socket_path, "FOLDER": self.folder, "OUT": self.path("out"),
                       "KERNEL": self.kernel(), "DISK": self.disk()}
        result = subprocess.run(["sh", "-c", CURL_SCRIPT], env=environment, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = result.stdout.splitlines()
        self.assertEqual(lines[:10], ["204"] * 10)
        self.assertEqual(lines[10:12], ["200", '{"latest":{"meta-data":{"id":"i-1"},"more":1}}'])
        self.assertEqual(lines[12:16], ["200"] * 4)
        self.assertEqual((lines[16], lines[17], lines[19]), ("204", "200", "204"))
        self.assertGreater(int(lines[18]), 200)
        with open(self.path("log"), encoding="utf-8") as file:
            self.assertRegex(file.readline(), r"^\S+ \[test:firecracker:[A-Z]+:\S+/\S+:\d+\] ")
        with open(self.path("metrics"), encoding="utf-8") as file:
            self.assertEqual(len([json.loads(line) for line in file]), 2)
        self.assertEqual(monitor.stop(15), -15)

    def test_requests_unixsocket(self):
        try:
            import requests_unixsocket
        except ImportError:
            self.skipTest("python3-requests-unixsocket is not installed")
        from urllib.parse import quote
        monitor = self.start()
        session = requests_unixsocket.Session()
        self.addCleanup(session.close)
        root = f"http+unix://{quote(monitor.socket_path, safe='')}"

        def put(target, body, method="put"):
            response = getattr(session, method)(root + target, json=body, timeout=5)
            self.assertEqual((response.status_code, response.text), (204, ""), target)
        # A session keeps a connection for each URL: there are more of them than the server takes.
        put("/logger", {"log_path": self.path("log")})
        put("/metrics", {"metrics_path": self.path("metrics")})
        put("/machine-config", {"vcpu_count": 1, "mem_size_mib": 64})
        put("/boot-source", {"kernel_image_path": self.kernel()})
        for number in range(8):
            put(f"/drives/d{number}", {"drive_id": f"d{number}", "is_root_device": False, "path_on_host": self.disk()})
        put("/serial", {"serial_out_path": self.path("serial")})
        put("/mmds", {"a": "b"})
        put("/actions", {"action_type": "InstanceStart"})
        put("/vm", {"state": "Paused"}, "patch")
        self.assertEqual(session.get(f"{root}/", timeout=5).json()["state"], "Paused")
        put("/vm", {"state": "Resumed"}, "patch")
        put("/mmds", {"c": 1}, "patch")
        self.assertEqual(session.get(f"{root}/mmds", timeout=5).json(), {"a": "b", "c": 1})
        self.assertEqual(len(session.get(f"{root}/vm/config", timeout=5).json()["drives"]), 8)
        put("/actions", {"action_type": "FlushMetrics"})
        self.assertIn("mayfly_vcpu_exit_io_out_total", session.get(f"{root}/metrics", timeout=5).text)
        self.assertEqual(monitor.stop(15), -15)


@needs_kvm
@needs_root
class GoSdkTest(ApiTest):
    """Appendix B of the contract: FIFOs for log and metrics, the socket polled every 10 ms, 500 ms for a request."""

    def setUp(self):
        super().setUp()
        sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "linux"))
        import network
        self.net = network.Network()
        self.addCleanup(self.net.delete)

    def read_fifo(self, name):
        """A FIFO that a thread reads to its end, as the SDK does; and what came out of it."""
        os.mkfifo(self.path(name))
        lines = []

        def read():
            with open(self.path(name), encoding="utf-8") as file:
                lines.extend(file)
        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread, lines

    def test_order_of_calls(self):
        log_reader, log = self.read_fifo("log.fifo")
        metrics_reader, metrics = self.read_fifo("metrics.fifo")
        filters = {thread: {"default_action": "allow", "filter_action": "trap", "filter": []}
                   for thread in ("vmm", "api", "vcpu")}
        monitor = self.launch("--seccomp-filter", self.filter_file(filters), launcher=self.net.launcher)
        deadline = time.monotonic() + 3
        while not os.path.exists(monitor.socket_path):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

        def call(method, target, body=None):
            """A connection for each call; Go's client says these headers."""
            with monitor.connect() as connection:
                connection.socket.settimeout(0.5)
                text = json.dumps(body) if body is not None else ""
                connection.send(f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Go-http-client/1.1\r\n"
                                f"Content-Length: {len(text)}\r\nAccept: application/json\r\n"
                                f"Content-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n{text}".encode())
                return connection.response()
        self.found(call("GET", "/machine-config"))
        self.done(call("PUT", "/logger", {"log_path": self.path("log.fifo"), "level": "Debug", "show_level": True,
                                          "show_log_origin": False}))
        self.done(call("PUT", "/metrics", {"metrics_path": self.path("metrics.fifo")}))
        self.done(call("PUT", "/machine-config", {"vcpu_count": 1, "mem_size_mib": 64, "smt": False}))
        self.assertEqual(self.found(call("GET", "/machine-config"))["mem_size_mib"], 64)
        self.done(call("PUT", "/boot-source", {"kernel_image_path": self.kernel(), "boot_args": "console=ttyS0 noapic"}))
        for number, root in ((1, True), (2, False)):
            self.done(call("PUT", f"/drives/{number}", {"drive_id": str(number), "is_root_device": root, "is_read_only": False,
                                                        "path_on_host": self.disk(f"disk{number}")}))
        self.done(call("PUT", "/network-interfaces/1", {"iface_id": "1", "guest_mac": "AA:FC:00:00:00:01",
                                                        "host_dev_name": "tap0"}))
        self.done(call("PUT", "/mmds/config", {"version": "V2", "network_interfaces": ["1"]}))
        self.done(call("PUT", "/mmds", {"latest": {"meta-data": {}}}))
        self.done(call("PUT", "/actions", {"action_type": "InstanceStart"}))
        self.assertEqual(self.found(call("GET", "/"))["state"], "Running")
        wait_until(lambda: metrics, "a line of metrics at the start")
        self.done(call("PUT", "/actions", {"action_type": "SendCtrlAltDel"}))
        self.assertEqual(monitor.stop(15), -15)
        for reader in (log_reader, metrics_reader):
            reader.join(5)
            self.assertFalse(reader.is_alive(), "the FIFO's end")
        self.assertTrue(any("Put request on \"/actions\"" in line for line in log), log)
        self.assertEqual(json.loads(metrics[0])["put_api_requests"]["actions_count"], 1)


if __name__ == "__main__":
    main()
