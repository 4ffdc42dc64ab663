"""Linux guests whose work goes on through snapshots: computing, disks, connections and timers; and what their clocks say."""

import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "api"))
import api_test  # noqa: E402
import disk  # noqa: E402
import guest as linux  # noqa: E402
import network  # noqa: E402
from guest import core, sized  # noqa: E402

SERVER_PORT = 7000
# In the guest: answers each line of each connection with its checksum.
SERVER = f"""
import hashlib, socketserver
class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(hashlib.sha256(line.strip()).hexdigest().encode() + b"\\n")
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("", {SERVER_PORT}), Answer).serve_forever()
"""
# On the host: asks what it is told to, on a connection that lasts and on a new one, and checks the answers.
CLIENT = f"""
import hashlib, socket, sys, time
def connect():
    for _ in range({linux.ANSWER_S}):
        try:
            return socket.create_connection(("10.0.0.2", {SERVER_PORT}), timeout={linux.ANSWER_S}).makefile("rw")
        except ConnectionRefusedError:
            time.sleep(1)
    raise SystemExit("nobody listens")
lasting = connect()
for line in sys.stdin:
    for connection in (lasting, connect()):
        connection.write(line)
        connection.flush()
        right = connection.readline().strip() == hashlib.sha256(line.strip().encode()).hexdigest()
        print("right" if right else "WRONG", end=" ", flush=True)
    print(flush=True)
"""
# In the guest: sleeps that are never too short, nor longer than a busy machine makes them.
TIMERS = """
import time
while True:
    for seconds in (0.01, 0.2, 1):
        start = time.monotonic()
        time.sleep(seconds)
        slept = time.monotonic() - start
        if not seconds <= slept < seconds + 10:
            raise SystemExit(f"a sleep of {seconds} s took {slept} s")
        print(slept, flush=True)
"""
RESEEDED = "random: crng reseeded due to virtual machine fork"
LOADS = ("sum", "timers", "fio")
GAP_S = 5


class Client:
    """Owns a process in the network's namespace with a connection to the guest, which lives as long."""

    def __init__(self, net):
        self.process = subprocess.Popen([*net.launcher, sys.executable, "-c", CLIENT], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def ask(self, question):
        self.process.stdin.write(f"{question}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self):
        self.process.kill()
        self.process.communicate()


class SnapshotLinuxTest(linux.GuestTest):
    """What the tests share: saved guests, and their restored selves in monitors of their own."""

    def prepare(self):
        super().prepare()
        if os.geteuid() != 0:
            self.skipTest("only root can make network namespaces")
        self.monitors = 0

    def monitor(self, launcher=()):
        """A monitor without a VM."""
        self.monitors += 1
        folder = os.path.join(self.folder, f"monitor{self.monitors}")
        os.mkdir(folder)
        guest = api_test.ApiGuest(folder, launcher)
        self.addCleanup(guest.errors.close)
        self.addCleanup(guest.kill)
        self.addCleanup(guest.api.close)
        return guest

    def start_guest(self, launcher=(), requests=(), words="", vcpus=1):
        guest = self.monitor(launcher)
        guest.do("PUT", "/machine-config", {"vcpu_count": vcpus, "mem_size_mib": 256, "track_dirty_pages": True})
        guest.do("PUT", "/boot-source", {"kernel_image_path": self.machine.vmlinux, "boot_args": f"{linux.WORDS} {words}"})
        guest.do("PUT", "/drives/rootfs", {"drive_id": "rootfs", "is_root_device": True, "is_read_only": True,
                                           "path_on_host": self.machine.full_rootfs})
        for target, body in requests:
            guest.do("PUT", target, body)
        guest.do("PUT", "/actions", {"action_type": "InstanceStart"})
        guest.boot()
        return guest

    def save(self, guest, kind="Full"):
        """Ends the monitor once its paused VM is saved."""
        guest.do("PATCH", "/vm", {"state": "Paused"})
        guest.do("PUT", "/snapshot/create", {"snapshot_type": kind, "snapshot_path": os.path.join(self.folder, "state"),
                                             "mem_file_path": os.path.join(self.folder, "memory")})
        guest.kill()

    def load(self, commands, launcher=(), **fields):
        """The saved guest, which has answered that many commands, in a new monitor."""
        guest = self.monitor(launcher)
        guest.commands, guest.booted = commands, True
        guest.do("PUT", "/snapshot/load", {
            "snapshot_path": os.path.join(self.folder, "state"), "resume_vm": True, "track_dirty_pages": True,
            "mem_backend": {"backend_path": os.path.join(self.folder, "memory"), "backend_type": "File"}, **fields})
        return guest

    def check_kernel(self, guest, restores):
        """That it was told of each restore, and has nothing to complain about."""
        since_first = guest.run(f"dmesg --color=never | sed -n '/{RESEEDED}/,$p'")
        self.assertEqual(since_first.count(RESEEDED), restores, since_first)
        self.assertIsNone(linux.KERNEL_FAULTS.search(since_first), since_first)


class RoundsTest(SnapshotLinuxTest):
    def start_loads(self, guest):
        guest.run("ip address add 10.0.0.2/24 dev eth0 && ip link set eth0 up")
        guest.run("head -c 300000 /dev/urandom >/tmp/data && sha256sum </tmp/data >/tmp/known")
        # Behind the shell that the test talks to, which else waits its turn for seconds in the test bed.
        guest.start_loop("sum", "nice -n 19 sha256sum </tmp/data | cmp - /tmp/known && echo right")
        # One line for each that has verified what it wrote.
        guest.start_loop("fio", "nice -n 19 " + disk.fio("load", "/dev/vdb", sized(8, 1), "--direct=1", jobs=1))
        guest.put("/tmp/timers.py", TIMERS)
        guest.start_job("timers", "python3 /tmp/timers.py")
        guest.put("/tmp/server.py", SERVER)
        guest.start_job("server", "python3 /tmp/server.py")

    def progress(self, guest):
        """What each load has done so far; fails when one has ended. One command, as each takes its time in the test bed."""
        words = guest.run("cd /tmp; for name in " + " ".join(LOADS) + "; do wc -l <$name.out; done; "
                          "ls *.status 2>/dev/null; true").split()
        if ended := words[len(LOADS):]:
            self.fail(f"{ended}: " + guest.attempt("tail -n 20 /tmp/*.out")[1])
        return [int(number) for number in words[:len(LOADS)]]

    def check_loads(self, guest):
        """That the loads go on, and none has failed. fio, which takes long for one line in the test bed, need not add one."""
        before = self.progress(guest)
        self.eventually(lambda: all(now > then for now, then in zip(self.progress(guest)[:2], before)), f"{LOADS} past {before}")

    def run_rounds(self, count):
        net = network.Network()
        self.addCleanup(net.delete)
        data = self.disk_file("data", 8)
        guest = self.start_guest(net.launcher, vcpus=2, requests=[
            ("/drives/data", {"drive_id": "data", "is_root_device": False, "path_on_host": data}),
            ("/network-interfaces/eth0", {"iface_id": "eth0", "host_dev_name": "tap0"})])
        self.start_loads(guest)
        client = Client(net)
        self.addCleanup(client.close)
        self.assertEqual(client.ask("first"), "right right")
        for number in range(1, count + 1):
            # Merged onto what the VM was restored from, which it still maps.
            self.save(guest, "Full" if number % 2 else "Diff")
            guest = self.load(guest.commands, net.launcher)
            self.assertEqual(client.ask(f"round {number}"), "right right")
            self.check_loads(guest)
            self.check_kernel(guest, number)
        for name in ("sum", "fio"):
            guest.finish_loop(name)
        self.assertGreater(int(guest.run("wc -l </tmp/fio.out")), 0)
        guest.end()

    @core
    def test_work_goes_on(self):
        self.run_rounds(sized(10, 2))

    def test_work_goes_on_for_long(self):
        self.run_rounds(sized(50, 8))


class ClockTest(SnapshotLinuxTest):
    def lag_s(self, guest):
        """How far the guest's wall clock is behind the host's."""
        before = time.time()
        then = float(guest.run("date +%s.%N"))
        return (before + time.time()) / 2 - then

    @core
    def test_wall_clock_by_choice(self):
        guest = self.start_guest()
        source = guest.run("cat /sys/devices/system/clocksource/clocksource0/current_clocksource")
        self.assertEqual(source, "kvm-clock")
        lag = self.lag_s(guest)
        uptime = float(guest.run("cut -d' ' -f1 /proc/uptime"))
        start = time.monotonic()
        self.save(guest)
        saved = time.monotonic()
        time.sleep(GAP_S)
        for realtime in (False, True):
            restored = self.load(guest.commands, clock_realtime=realtime)
            gap = time.monotonic() - saved
            grown = self.lag_s(restored) - lag
            if realtime:
                self.assertLess(abs(grown), 2)
            else:
                self.assertLess(abs(grown - gap), 2)
            # What timers go by never jumps back.
            self.assertGreaterEqual(float(restored.run("cut -d' ' -f1 /proc/uptime")), uptime)
            self.assertLess(saved - start, 60)
            self.check_kernel(restored, 1)
            restored.end()


if __name__ == "__main__":
    unittest.main(verbosity=2)
