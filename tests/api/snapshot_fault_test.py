"""Loading snapshots that are broken, cut off, mixed up or gone, or whose devices are: what the answer is."""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from monitor import ROOT, main, needs_root  # noqa: E402
from snapshots import (MEMORY_ERROR, MEMORY_MIB, NOT_TOGETHER, RESTORE_ERROR,  # noqa: E402
                       STATE_ERROR, SnapshotTest, run_program)
import tiny_guest  # noqa: E402

GONE = "No such file or directory (os error 2)"


class StateFileTest(SnapshotTest):
    def setUp(self):
        super().setUp()
        self.good, self.count = self.saved()
        with open(self.good.state, "rb") as file:
            self.state = file.read()

    def broken(self, state):
        """The snapshot with another state file."""
        snapshot = self.snapshot("broken")
        with open(snapshot.state, "wb") as file:
            file.write(state)
        snapshot.memory = self.good.memory
        return snapshot

    def check_described(self, state):
        """That --describe-snapshot takes it for what it is."""
        result = run_program("--describe-snapshot", self.broken(state).state)
        self.assertEqual((result.returncode, result.stdout, len(result.stderr.splitlines())), (1, "", 1), result)

    def test_missing(self):
        snapshot = self.snapshot("none")
        self.load_fails(snapshot, f"{STATE_ERROR}Failed to open snapshot file: {GONE} ({snapshot.state})")

    def test_empty(self):
        snapshot = self.broken(b"")
        self.load_fails(snapshot, f"{STATE_ERROR}Failed to load snapshot state from file: IO Error: File too short to contain "
                        f"CRC ({snapshot.state})")

    def test_no_file(self):
        for path in (self.folder, "/dev/null"):
            self.good.state = path
            self.load_fails(self.good, re.compile(re.escape(STATE_ERROR) + f".*{path}.*"))

    def test_truncated(self):
        size = len(self.state)
        for length in {*range(0, 64, 7), *range(64, size, size // 40), size - 1}:
            with self.subTest(length):
                self.check_described(self.state[:length])
        for length in (10, size // 2, size - 1):
            self.load_fails(self.broken(self.state[:length]), re.compile(re.escape(STATE_ERROR) + ".*broken/state.*"))

    def test_longer(self):
        self.check_described(self.state + b"\0")
        self.load_fails(self.broken(self.state + b"\0"), re.compile(re.escape(STATE_ERROR) + ".*broken/state.*"))

    def flipped(self, bit):
        state = bytearray(self.state)
        state[bit // 8] ^= 1 << bit % 8
        return bytes(state)

    def test_flipped_bits(self):
        bits = len(self.state) * 8
        for bit in {*range(0, 256, 5), *range(0, bits, bits // 60), bits - 1}:
            with self.subTest(bit):
                self.check_described(self.flipped(bit))
        for bit in (3, 70, 1000, bits // 2, bits - 8):
            with self.subTest(bit):
                self.load_fails(self.broken(self.flipped(bit)), re.compile(re.escape(STATE_ERROR) + ".*broken/state.*"))

    def test_version_of_the_future(self):
        state = self.state[:8] + b"\xff\x7f" + self.state[10:]
        self.load_fails(self.broken(state), re.compile(re.escape(
            STATE_ERROR + "Failed to load snapshot state from file: Invalid data version: 32767.0.0") + ".*broken/state.*"))

    def test_files_that_may_not_be_read(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become another user")
        os.chmod(self.folder, 0o755)
        launcher = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
        for path, message in ((self.good.state, f"{STATE_ERROR}Failed to open snapshot file: Permission denied (os error 13)"),
                              (self.good.memory, f"{MEMORY_ERROR}Error creating guest memory from file: Failed to load guest "
                               "memory: Permission denied (os error 13)")):
            os.chmod(self.good.state, 0o644)
            os.chmod(self.good.memory, 0o644)
            os.chmod(path, 0o600)
            os.makedirs(self.path("open"), exist_ok=True)
            os.chmod(self.path("open"), 0o777)
            vm = self.vm(launcher=launcher, api_sock=self.path(f"open/{os.path.basename(path)}"))
            self.load_fails(self.good, f"{message} ({path})", vm)


class MemoryFileTest(SnapshotTest):
    PREFIX = MEMORY_ERROR + "Error creating guest memory from file: "

    def setUp(self):
        super().setUp()
        self.good, self.count = self.saved()

    def test_missing(self):
        os.unlink(self.good.memory)
        self.load_fails(self.good, f"{self.PREFIX}Failed to load guest memory: {GONE} ({self.good.memory})")

    def test_wrong_size(self):
        size = MEMORY_MIB << 20
        for wrong in (0, 1, size - 4096, size - 1, size + 1, size * 2):
            os.truncate(self.good.memory, wrong)
            self.load_fails(self.good, re.compile(re.escape(self.PREFIX) + f".*{self.good.memory}: the memory file has {wrong} "
                                                  f"bytes, but the guest's memory has {size}.*"))

    def test_of_another_snapshot(self):
        other, _ = self.saved("other")
        self.load_fails(self.good, f"{self.PREFIX}{NOT_TOGETHER} ({other.memory})",
                        mem_backend={"backend_path": other.memory, "backend_type": "File"})

    def test_no_file(self):
        os.mkfifo(self.path("fifo"))
        for path in (self.folder, "/dev/null", self.path("fifo")):
            self.load_fails(self.good, re.compile(re.escape(self.PREFIX) + f".*{path}.*"),
                            mem_backend={"backend_path": path, "backend_type": "File"})

    def test_which_one_is_not_said(self):
        for fields, message in (
                ({"mem_file_path": self.good.memory},
                 "too many fields: either `mem_backend` or `mem_file_path` exclusively is required."),
                ({"mem_backend": None}, "missing field: either `mem_backend` or `mem_file_path` is required.")):
            vm = self.vm()
            self.refused(vm.api.put("/snapshot/load", self.good.loading(**fields)),
                         f"An error occurred when deserializing the json body of a request: {message}.")
            # A body that is none is no load that failed.
            self.assertEqual(self.found(vm.api.get("/"))["state"], "Not started")
            self.done(vm.api.put("/snapshot/load", self.good.loading()))
            self.goes_on(vm, self.count)

    def test_huge_pages_need_a_handler(self):
        self.load_fails(self.good, re.compile(re.escape(
            self.PREFIX + "Cannot restore hugetlbfs backed snapshot by mapping the memory file. Please use uffd.") + ".*"),
            huge_pages="2M")

    def check_cut_off(self, cut_bytes, resume):
        """That a guest whose memory file shrinks under it ends, and that it is said why."""
        snapshot, _ = self.saved(f"cut{cut_bytes}-{resume}", code=tiny_guest.WRITE_PAGES)
        vm = self.loaded(snapshot, resume=resume)
        os.truncate(snapshot.memory, cut_bytes)
        if not resume:
            self.resume(vm)
        # The second where the monitor itself touches such a page.
        status = vm.monitor.ended()
        self.assertIn(status, (1, 149), vm.monitor.said())
        said = vm.monitor.output()
        if status == 1:
            self.assertIn("the memory file was cut off while the VM used it: "
                          f"it has {cut_bytes} bytes, but the guest's memory has {MEMORY_MIB << 20} ({snapshot.memory})", said)
        else:
            self.assertIn("Shutting down VM after intercepting signal 7", said)
            self.assertIn(f"The memory file may have been cut off or its disk failed: {snapshot.memory}", said)
        self.assertIn(f"exit_code={status}" if status == 1 else "signal 7", said)
        vm.end()

    def test_cut_off_while_mapped(self):
        # All of it, the guest's code included; only what it writes to.
        for cut_bytes in (0, 4 << 20):
            self.check_cut_off(cut_bytes, resume=False)

    def test_cut_off_while_the_guest_runs(self):
        for cut_bytes in (0, 4 << 20):
            self.check_cut_off(cut_bytes, resume=True)

    def test_cut_off_before_it_is_saved_again(self):
        snapshot, _ = self.saved("cut", code=tiny_guest.WRITE_PAGES)
        vm, second = self.loaded(snapshot, resume=False), self.snapshot("second")
        os.truncate(snapshot.memory, 0)
        try:
            response = vm.api.put("/snapshot/create", second.creation())
        except (EOFError, OSError):
            self.assertEqual(vm.monitor.ended(), 149, vm.monitor.said())
            self.assertIn(f"The memory file may have been cut off or its disk failed: {snapshot.memory}", vm.monitor.output())
        else:
            self.refused(response, re.compile("Create snapshot error: Cannot create snapshot: .*"))
            vm.end()
        self.assertFalse(os.path.exists(second.state))


class DeviceTest(SnapshotTest):
    def with_drive(self):
        return self.saved(before=[("/drives/disk", {"drive_id": "disk", "is_root_device": False,
                                                    "path_on_host": self.disk()})])

    def test_missing_drive(self):
        snapshot, _ = self.with_drive()
        os.unlink(self.path("disk"))
        self.load_fails(snapshot, re.compile(
            re.escape(RESTORE_ERROR) + f".*Virtio backend error: Error manipulating the backing file: {re.escape(GONE)}.*"
            f"{self.path('disk')}.*"))
        self.load_fails(snapshot, re.compile(re.escape(RESTORE_ERROR) + f".*Error manipulating the backing file: {re.escape(GONE)}.*"
                                             "/none.*"),
                        drive_overrides=[{"drive_id": "disk", "path_on_host": "/none"}])

    def test_unknown_devices(self):
        snapshot, count = self.with_drive()
        for fields, device in (({"network_overrides": [{"iface_id": "eth0", "host_dev_name": "tap0"}]}, "Network"),
                               ({"drive_overrides": [{"drive_id": "other", "path_on_host": self.path("disk")}]}, "Block"),
                               ({"vsock_override": {"uds_path": "v.sock"}}, "Vsock")):
            with self.subTest(device):
                self.load_fails(snapshot, f"{STATE_ERROR}Unknown {device} Device.", **fields)
        self.check_good(snapshot, count)

    @needs_root
    def test_missing_tap(self):
        sys.path.insert(0, os.path.join(ROOT, "tests/linux"))
        import network
        net = network.Network()
        self.addCleanup(net.delete)
        snapshot, _ = self.saved(vm=self.vm(launcher=net.launcher), before=[
            ("/network-interfaces/eth0", {"iface_id": "eth0", "host_dev_name": "tap0"})])
        # The loopback interface is none.
        self.load_fails(snapshot, re.compile(re.escape(RESTORE_ERROR) + ".*lo.*"), self.vm(launcher=net.launcher),
                        network_overrides=[{"iface_id": "eth0", "host_dev_name": "lo"}])
        self.load_fails(snapshot, re.compile(re.escape(
            RESTORE_ERROR + "Failed to build microVM: Network config error: Could not create the network device: Open tap "
            "device failed: there is no network interface 'tap7'") + ".*"), self.vm(launcher=net.launcher),
                        network_overrides=[{"iface_id": "eth0", "host_dev_name": "tap7"}])
        self.assertNotIn("tap7", net.run("ip", "link"))

    def test_metadata_that_is_none(self):
        snapshot, _ = self.with_drive()
        self.load_fails(snapshot, re.compile(re.escape(RESTORE_ERROR) + ".*"), mmds=["no object"])

    def test_serial_output_that_cannot_be_opened(self):
        snapshot, _ = self.with_drive()
        self.load_fails(snapshot, re.compile(re.escape(RESTORE_ERROR) + ".*/none/serial.*"), serial_out_path="/none/serial")


if __name__ == "__main__":
    main()
