"""Linux guests of the API: metadata over both versions of the service while traffic runs, and changes of a running guest."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "api"))
import guest as linux  # noqa: E402
import machine  # noqa: E402
import network  # noqa: E402
from client import Api, wait_until  # noqa: E402
from guest import core, sized  # noqa: E402

METADATA = {"latest": {"meta-data": {"ami-id": "ami-7", "tags": ["a", "b"], "count": 3}, "user-data": "x" * 30000}}
SERVICE = "169.254.169.254"


class ApiGuest(linux.Guest):
    """Owns a monitor that is controlled over its socket; its console is its standard input and output."""

    def __init__(self, folder, launcher=()):
        self.socket_path = os.path.join(folder, "api.socket")
        self.log_path = os.path.join(folder, "log")
        self.spawn([*launcher, machine.MAYFLY, "--api-sock", self.socket_path, "--log-path", self.log_path])
        self.api = wait_until(self.connected, lambda: f"a listening socket{self.said()}")

    def connected(self):
        """The API once the monitor listens, which is a moment after the socket's file is there; None before."""
        try:
            return Api(self.socket_path)
        except OSError:
            return None

    def do(self, method, path, body):
        """A request that must succeed."""
        response = self.api.connection.request(method, path, body)
        if response.status != 204:
            raise AssertionError(f"{method} {path}: {response}")

    def complaints(self):
        log = pathlib.Path(self.log_path)
        return super().complaints() + (log.read_text(errors="replace") if log.exists() else "")

    def end(self):
        self.type("exit\n")
        status = self.process.wait(timeout=linux.ANSWER_S)
        self.reader.join()
        if status != 0:
            raise self.ended("not as it should")


class ApiLinuxTest(linux.GuestTest):
    """What the tests share: a guest with a root disk and, for those who ask, a network card with the metadata service."""

    def prepare(self):
        super().prepare()
        if os.geteuid() != 0:
            self.skipTest("only root can make network namespaces")

    def configured(self, launcher=()):
        guest = ApiGuest(self.folder, launcher)
        self.addCleanup(guest.errors.close)
        self.addCleanup(guest.kill)
        self.addCleanup(guest.api.close)
        guest.do("PUT", "/machine-config", {"vcpu_count": 1, "mem_size_mib": 256})
        guest.do("PUT", "/boot-source", {"kernel_image_path": self.machine.vmlinux, "boot_args": linux.WORDS})
        guest.do("PUT", "/drives/rootfs", {"drive_id": "rootfs", "is_root_device": True, "is_read_only": True,
                                           "path_on_host": self.machine.full_rootfs})
        return guest

    def with_metadata(self, version):
        net = network.Network()
        self.addCleanup(net.delete)
        guest = self.configured(net.launcher)
        guest.do("PUT", "/network-interfaces/eth0", {"iface_id": "eth0", "host_dev_name": "tap0"})
        guest.do("PUT", "/mmds/config", {"version": version, "network_interfaces": ["eth0"]})
        guest.do("PUT", "/mmds", METADATA)
        guest.do("PUT", "/actions", {"action_type": "InstanceStart"})
        guest.boot()
        guest.run("ip address add 10.0.0.2/24 dev eth0 && ip link set eth0 up && ip route add 169.254.169.254 dev eth0")
        return guest, net

    def under_traffic(self, guest, net, check):
        """Runs `check` while iperf3 loads the same card in both directions."""
        server = net.start("iperf3", "--server", "--bind", "10.0.0.1", "--forceflush")
        self.addCleanup(server.communicate)
        self.addCleanup(server.kill)
        self.eventually(lambda: guest.attempt("iperf3 -c 10.0.0.1 -t 1 -f m")[0] == 0, "iperf3 answers")
        guest.start_job("iperf", f"iperf3 -c 10.0.0.1 -t {sized(15, 20)} --bidir -f m")
        check()
        guest.finish_job("iperf", linux.ANSWER_S)

    @core
    def test_metadata_of_version_1_under_traffic(self):
        guest, net = self.with_metadata("V1")

        def check():
            self.assertEqual(guest.run(f"curl -sf {SERVICE}/latest/meta-data/"), "ami-id\ncount\ntags")
            self.assertEqual(guest.run(f"wget -qO - {SERVICE}/latest/meta-data/ami-id"), "ami-7")
            for _ in range(5):
                self.assertEqual(guest.run(f"curl -sf {SERVICE}/latest/user-data | wc -c"), "30000")
            self.assertEqual(guest.run(f"curl -sf -H 'Accept: application/json' {SERVICE}/latest/meta-data/tags"), '["a","b"]')
            guest.do("PATCH", "/mmds", {"latest": {"meta-data": {"ami-id": "ami-8"}}})
            self.assertEqual(guest.run(f"curl -sf {SERVICE}/latest/meta-data/ami-id"), "ami-8")

        self.under_traffic(guest, net, check)
        self.assertEqual(guest.run(f"curl -s -o /dev/null -w '%{{http_code}}' {SERVICE}/none"), "404")
        guest.end()

    @core
    def test_metadata_of_version_2_under_traffic(self):
        guest, net = self.with_metadata("V2")

        def check():
            self.assertEqual(guest.run(f"curl -s -o /dev/null -w '%{{http_code}}' {SERVICE}/latest"), "401")
            guest.run("TOKEN=$(curl -sf -X PUT -H 'X-metadata-token-ttl-seconds: 60' "
                      f"{SERVICE}/latest/api/token) && echo token $TOKEN")
            self.assertEqual(guest.run(f'curl -sf -H "X-metadata-token: $TOKEN" {SERVICE}/latest/meta-data/ami-id'), "ami-7")
            self.assertEqual(guest.run(f'wget -qO - --header "X-aws-ec2-metadata-token: $TOKEN" {SERVICE}/latest/meta-data/count '
                                       "2>&1 || echo refused"), "refused")
            self.assertEqual(guest.run(f"curl -s -H 'X-metadata-token: none' {SERVICE}/latest"), "MMDS token not valid.")

        self.under_traffic(guest, net, check)
        guest.end()

    @core
    def test_drive_patch_shows_the_new_disk(self):
        guest = self.configured()
        small, large = self.disk_file("small", 0), self.disk_file("large", 64)
        with open(large, "r+b") as file:
            file.write(b"the new disk")
        guest.do("PUT", "/drives/data", {"drive_id": "data", "is_root_device": False, "path_on_host": small})
        guest.do("PUT", "/actions", {"action_type": "InstanceStart"})
        guest.boot()
        self.assertEqual(guest.run("cat /sys/block/vdb/size"), "0")
        guest.do("PATCH", "/drives/data", {"drive_id": "data", "path_on_host": large})
        guest.run("until [ $(cat /sys/block/vdb/size) = 131072 ]; do sleep 0.1; done")
        self.assertEqual(guest.run("head -c 12 /dev/vdb"), "the new disk")
        # 1 MiB a second from here on, after a first full bucket.
        guest.do("PATCH", "/drives/data", {"drive_id": "data", "rate_limiter": {
            "bandwidth": {"size": 1 << 20, "refill_time": 1000}}})
        seconds = float(guest.run("s=$(cut -d' ' -f1 /proc/uptime); dd if=/dev/vdb of=/dev/null bs=256k count=20 iflag=direct "
                                  "2>/dev/null; e=$(cut -d' ' -f1 /proc/uptime); python3 -c \"print($e-$s)\""))
        self.assertGreater(seconds, 3.5)
        guest.do("PATCH", "/drives/data", {"drive_id": "data", "rate_limiter": {"bandwidth": {"size": 0, "refill_time": 0}}})
        guest.run("dd if=/dev/vdb of=/dev/null bs=1M count=32 iflag=direct 2>/dev/null", timeout_s=25)
        guest.end()

    @core
    def test_network_patch_limits_a_running_card(self):
        guest, net = self.with_metadata("V1")
        guest.do("PATCH", "/network-interfaces/eth0", {"iface_id": "eth0", "tx_rate_limiter": {
            "bandwidth": {"size": 500000, "refill_time": 1000}}})
        receiver = net.traffic("receive", 5000)
        with open(network.TRAFFIC, encoding="ascii") as program:
            guest.put("/tmp/traffic.py", program.read())
        start = time.monotonic()
        guest.start_job("sender", "python3 /tmp/traffic.py send 10.0.0.1 5000 3 1")
        self.assertEqual(int(receiver.communicate(timeout=linux.ANSWER_S)[0].split()[0]), 3 << 20)
        # All but the first full bucket come at the rate.
        self.assertGreater(time.monotonic() - start, 4)
        guest.finish_job("sender")
        guest.end()

    @core
    def test_paused_guest_stands_still(self):
        guest = self.configured()
        guest.do("PUT", "/actions", {"action_type": "InstanceStart"})
        guest.boot()
        guest.start_job("ticks", "while :; do cut -d' ' -f1 /proc/uptime >/dev/ttyS0; sleep 0.1; done")
        guest.wait_for(r"^\d+\.\d\d\r?$")
        guest.do("PATCH", "/vm", {"state": "Paused"})
        silent_since = len(guest.console)
        threading.Event().wait(1)
        grown = guest.console[silent_since:]
        # What was on its way at the pause may still arrive.
        self.assertLess(grown.count("\n"), 3, grown)
        guest.do("PATCH", "/vm", {"state": "Resumed"})
        guest.wait_for(r"^\d+\.\d\d\r?$", start=len(guest.console))
        guest.process.send_signal(signal.SIGTERM)
        self.assertEqual(guest.process.wait(timeout=linux.ANSWER_S), -signal.SIGTERM)

    def test_ctrl_alt_del_reboots(self):
        guest = self.configured()
        guest.do("PUT", "/actions", {"action_type": "InstanceStart"})
        guest.boot()
        guest.do("PUT", "/actions", {"action_type": "SendCtrlAltDel"})
        try:
            self.assertEqual(guest.process.wait(timeout=linux.ANSWER_S), 0)
        except subprocess.TimeoutExpired:
            raise linux.SilentGuest(f"it did not reboot: {guest.said()}") from None


if __name__ == "__main__":
    unittest.main(verbosity=2)
