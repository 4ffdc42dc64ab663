#!/usr/bin/python3
"""An intruder on a thread of the monitor: what it tries is refused, and the log says how.

The program is mayfly_escape (tests/escape/main.cc): the release monitor whose boot timer runs a routine of the
intruder's, on the vCPU's thread or on the loop's. A routine is trapped by a filter, which ends the monitor with status 148 and
a line in the log, or refused by the kernel with the error given below.
"""

import ctypes
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "api"))
import monitor  # noqa: E402
import tiny_guest  # noqa: E402
from client import wait_until  # noqa: E402

monitor.MAYFLY = PROGRAM = os.path.join(monitor.ROOT, "build/release/tests/escape/mayfly_escape")
TRAPPED = 148
# On x86-64 (asm/unistd_64.h).
NUMBERS = {
    "execve": 59, "execveat": 322, "fork": 57, "vfork-by-clone": 56, "clone3": 435, "ptrace": 101, "process-vm-writev": 311,
    "pidfd-open": 434, "kill": 62, "tgkill": 234, "tgkill-allowed-signal": 234, "socket-inet": 41, "socket-vsock": 41,
    "socket-unix": 41, "bind": 49, "mmap-exec": 9, "mprotect-exec": 10, "pkey-mprotect": 329, "memfd-create": 319, "mount": 165,
    "umount": 166, "open-tree": 428, "pivot-root": 155, "chroot": 161, "setns": 308, "unshare": 272, "mknod": 259,
    "symlink": 266, "link": 265, "mkdir": 258, "chmod": 268, "setuid": 105, "capset": 126, "seccomp": 317, "prctl-dumpable": 157,
    "bpf": 321, "perf-event-open": 298, "keyctl": 250, "userfaultfd": 323, "modify-ldt": 154, "io-uring-setup": 425,
    "io-uring-register": 427, "ioctl-tiocsti": 16, "ioctl-kvm-create-vm": 16, "ioctl-kvm-memory": 16, "ioctl-unknown": 16,
    "host-file": 257,
}
RING_NUMBER = 426
# landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION)
LANDLOCK_ABI = ctypes.CDLL(None).syscall(444, None, 0, 1)
# Not trapped on that thread, as the call has a use there, but answered with an error.
ANSWERED = {
    # The kernel refuses whoever is not of this process; Landlock does where the user is the same.
    ("loop", "tgkill-allowed-signal"): "Operation not permitted",
}


@monitor.needs_kvm
class EscapeTest(monitor.ApiTest):
    def run_escape(self, thread, name, *flags):
        """The monitor after its guest has run the routine: ended, or alive with the routine's answer."""
        boot = {"boot-source": {"kernel_image_path": self.kernel(tiny_guest.BOOT_TIMER)},
                "drives": [], "machine-config": {"vcpu_count": 1, "mem_size_mib": 32}}
        program = self.launch("--no-api", "--boot-timer", "--config-file", self.file("config", boot), *flags, "--",
                              f"{thread}:{name}")
        wait_until(lambda: not program.is_running() or "ESCAPE" in program.errors(),
                   lambda: f"an end of {thread}:{name}{program.said()}")
        return program

    def check_answered(self, thread, name, error, *flags):
        program = self.run_escape(thread, name, *flags)
        self.assertIn(f"ESCAPE {name}: refused: {error}\n", program.errors(), program.said())

    def check_trapped(self, thread, name):
        program = self.run_escape(thread, name)
        said = program.said()
        self.assertEqual(program.ended(), TRAPPED, said)
        number = NUMBERS.get(name, RING_NUMBER)
        self.assertIn(f"Shutting down VM after intercepting a bad syscall ({number}).", program.output(), said)
        self.assertNotIn("ESCAPE", program.errors())

    def check(self, thread):
        names = subprocess.run([PROGRAM, "--escapes"], check=True, capture_output=True, text=True).stdout.split()
        self.assertGreater(len(names), len(NUMBERS))
        for name in names:
            with self.subTest(thread=thread, name=name):
                if name == "host-file" and thread == "loop":
                    continue  # only a jail keeps the loop from the host's files: tests/jailer
                if (thread, name) in ANSWERED:
                    self.check_answered(thread, name, ANSWERED[thread, name])
                elif name.startswith("ring-") and thread == "loop":
                    self.check_answered(thread, name, "Permission denied")
                else:
                    self.check_trapped(thread, name)
            self.doCleanups()
            self.setUp()

    def test_on_a_vcpu_thread(self):
        self.check("vcpu")

    def test_on_the_loop_thread(self):
        self.check("loop")

    def test_without_filters_the_routines_do_what_they_say(self):
        """Or else a refusal above would show nothing."""
        for name in ("socket-inet", "mmap-exec", "memfd-create", "io-uring-setup", "host-file", "bind"):
            with self.subTest(name=name):
                program = self.run_escape("vcpu", name, "--no-seccomp")
                outcome = "refused: Socket operation on non-socket" if name == "bind" else "SUCCEEDED"
                self.assertIn(f"ESCAPE {name}: {outcome}\n", program.errors(), program.said())
            self.doCleanups()
            self.setUp()

    @unittest.skipUnless(LANDLOCK_ABI >= 6, f"the kernel's Landlock has ABI {LANDLOCK_ABI}, not 6")
    def test_without_filters_landlock_refuses(self):
        for name, error in (("execve", "Permission denied"), ("mkdir", "Permission denied"), ("mknod", "Permission denied"),
                            ("kill", "Operation not permitted"), ("mount", "Operation not permitted"),
                            ("ptrace", "Operation not permitted")):
            with self.subTest(name=name):
                self.check_answered("loop", name, error, "--no-seccomp")
            self.doCleanups()
            self.setUp()


if __name__ == "__main__":
    monitor.main()
