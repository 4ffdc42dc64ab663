"""`mayfly merge-memory`: a chain of diffs merged is the memory of a full snapshot, and a guest goes on from it."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from client import wait_until  # noqa: E402
from monitor import MAYFLY, ApiTest, main, needs_kvm  # noqa: E402
import tiny_guest  # noqa: E402

# Where every snapshot leaves its own id in guest memory.
ID = slice(0xdffe0, 0xdfff0)


def merge(*words):
    return subprocess.run([MAYFLY, "merge-memory", *words], capture_output=True, text=True, timeout=60, check=False)


class CommandTest(ApiTest):
    """What needs no virtual machine."""

    def sparse(self, name, pages):
        """A file of 16 pages that are all holes but for those given, each full of its value."""
        path = self.file(name)
        with open(path, "r+b") as file:
            file.truncate(16 << 12)
            for page, value in pages.items():
                file.seek(page << 12)
                file.write(bytes([value]) * 4096)
        return path

    def test_merges_sparse_files(self):
        base, diff = self.sparse("base", {0: 1, 3: 1}), self.sparse("diff", {3: 2, 7: 2})
        result = merge("--base", base, "--diff", diff)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "8192 bytes merged\n", ""))
        with open(base, "rb") as merged, open(self.sparse("expected", {0: 1, 3: 2, 7: 2}), "rb") as expected:
            self.assertEqual(merged.read(), expected.read())
        self.assertLess(os.stat(base).st_blocks * 512, 16 << 12)

    def test_exit_statuses(self):
        base = self.sparse("base", {0: 1})
        result = merge("--base", base, "--diff", self.path("none"))
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(result.stderr, f"mayfly: {self.path('none')}: open: No such file or directory\n")
        self.assertEqual(merge("--base", base).returncode, 2)
        self.assertIn("--diff FILE", merge("--help").stdout)


class ChainTest(ApiTest):
    """Snapshots of a running guest."""

    def snapshot(self, name, kind):
        self.done(self.api.put("/snapshot/create", {"snapshot_type": kind, "snapshot_path": self.path(f"{name}.state"),
                                                    "mem_file_path": self.path(name)}))

    def memory(self, name):
        with open(self.path(name), "rb") as file:
            data = bytearray(file.read())
        data[ID] = bytes(16)
        return data

    @needs_kvm
    def test_diffs_add_up_to_a_full_snapshot(self):
        self.start()
        self.configure(tiny_guest.COUNT)
        self.done(self.api.patch("/machine-config", {"track_dirty_pages": True}))
        self.done(self.api.action("InstanceStart"))
        self.done(self.api.patch("/vm", {"state": "Paused"}))
        self.snapshot("base", "Full")
        for number in range(5):
            count = tiny_guest.last_count(self.monitor.output())
            self.done(self.api.patch("/vm", {"state": "Resumed"}))
            wait_until(lambda: tiny_guest.last_count(self.monitor.output()) > count, "the guest counts on")
            self.done(self.api.patch("/vm", {"state": "Paused"}))
            self.snapshot(f"diff{number}", "Diff")
        self.snapshot("full", "Full")
        self.monitor.stop()
        for number in range(5):
            result = merge("--base", self.path("base"), "--diff", self.path(f"diff{number}"))
            self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(self.memory("base"), self.memory("full"))
        self.check_goes_on("diff4.state", "base")

    def check_goes_on(self, state, memory):
        os.remove(self.monitor.socket_path)
        os.remove(self.monitor.output_path)
        self.start()
        self.done(self.api.put("/snapshot/load", {"snapshot_path": self.path(state), "resume_vm": True, "mem_backend": {
            "backend_path": self.path(memory), "backend_type": "File"}}))
        wait_until(lambda: tiny_guest.last_count(self.monitor.output()) > 0, "the restored guest counts on")


if __name__ == "__main__":
    main()
