"""Disks that fail: the guest gets an error and goes on, and what cannot serve as a disk is refused with one line."""

import hashlib
import os
import random
import resource
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import guest as linux  # noqa: E402
import machine  # noqa: E402
from disk import MIB  # noqa: E402
from guest import core  # noqa: E402


class FaultTest(linux.GuestTest):
    """The guest gets an error for what the host cannot do, and goes on."""

    WRITE = "dd if=/dev/urandom of=/dev/vdb bs=64k oflag=direct"

    @core
    def test_file_cut_off_under_the_guest_gives_eio(self):
        path = self.disk_file("disk", 16)
        with open(path, "r+b") as file:
            file.write(random.Random(1).randbytes(16 * MIB))
        guest = self.start(f"path={path}")
        os.truncate(path, 8 * MIB)
        for flags in ("", "iflag=direct"):
            status, output = guest.attempt(f"dd if=/dev/vdb of=/dev/null bs=64k skip=192 {flags}")
            self.assertNotEqual(status, 0)
            self.assertIn("Input/output error", output)
        first = guest.run("head -c 4M /dev/vdb | sha256sum").split()[0]
        with open(path, "rb") as file:
            self.assertEqual(first, hashlib.sha256(file.read(4 * MIB)).hexdigest())
        guest.end(quiet=False)

    def check_refused_from(self, guest, path, limit_mib):
        """Writing succeeds for a while, then gives EIO; what was acknowledged stays."""
        status, output = guest.attempt(f"{self.WRITE} count={2 * limit_mib * 16}")
        self.assertNotEqual(status, 0)
        self.assertIn("Input/output error", output)
        written = int(output.split("+")[1].split("\n")[-1])
        self.assertGreater(written, limit_mib * 16 * 0.8)
        self.assertLessEqual(written, limit_mib * 16)
        guest_sum = guest.run(f"dd if=/dev/vdb bs=64k count={written} iflag=direct 2>/dev/null | sha256sum").split()[0]
        with open(path, "rb") as file:
            self.assertEqual(guest_sum, hashlib.sha256(file.read(written * 65536)).hexdigest())
        # The first part has its blocks and can be written again.
        guest.run(f"{self.WRITE} count=16")

    @core
    def test_full_file_system_of_the_host_gives_eio(self):
        if os.geteuid() != 0:
            self.skipTest("only root can mount a small file system")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", self.folder], check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.folder], check=True)
        path = self.disk_file("disk", 64)
        guest = self.start(f"path={path}")
        self.check_refused_from(guest, path, 8)
        subprocess.run(["mount", "-o", "remount,size=80m", self.folder], check=True)
        guest.run(f"{self.WRITE} count=1024")
        guest.end(quiet=False)

    def test_file_size_limit_gives_eio(self):
        path = self.disk_file("disk", 64)
        limit = (8 * MIB, resource.RLIM_INFINITY)
        guest = self.start(f"path={path}", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
        self.check_refused_from(guest, path, 8)
        guest.end(quiet=False)


class FlagsTest(linux.GuestTest):
    """Wrong flags and files that cannot serve: one line that says what, and the right exit status."""

    @core
    def test_malformed_flags(self):
        path = self.disk_file("disk", 1)
        for flag in ("", "path=", "ro", f"path={path},bogus", f"path={path},bogus=1", f"path={path},cache=Maybe",
                     f"path={path},cache=", f"path={path},queues=0", f"path={path},queues=two", f"path={path},queues=-1",
                     f"path={path},ro=1", f"path={path},bandwidth=fast", f"path={path},bandwidth=0",
                     f"path={path},ops=1/0", f"path={path},ops=1/2/3/4", f"path={path},path={path}",
                     f"path={path},bandwidth=99999999999999999999999"):
            with self.subTest(flag=flag):
                self.check_refused(["--disk", flag], 2, "--disk")

    @core
    def test_files_that_cannot_serve(self):
        missing = os.path.join(self.folder, "missing")
        self.check_refused(["--disk", f"path={missing}"], 1, missing, "No such file or directory")
        self.check_refused(["--disk", f"path={self.folder}"], 1, self.folder)
        self.check_refused(["--disk", "path=/dev/null"], 1, "/dev/null")
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        self.check_refused(["--disk", f"path={fifo}"], 1, fifo)

    def test_files_without_permission(self):
        path = self.disk_file("disk", 1)
        os.chmod(path, 0)
        # Root that has no capability; a monitor in a jail is not root.
        drops = os.geteuid() == 0 and not machine.JAILED
        unprivileged = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if drops else []
        result = subprocess.run([*unprivileged, *self.machine.command(flags=["--disk", f"path={path}"])],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=linux.ANSWER_S, check=False)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertRegex(result.stderr, rf"\A[^\n]*{path}[^\n]*Permission denied[^\n]*\n\Z")

    def test_too_many_disks(self):
        path = self.disk_file("disk", 1)
        self.check_refused(["--disk", f"path={path},ro"] * 18, 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
