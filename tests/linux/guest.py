"""A running guest of the full root file system, to which a test gives shell commands over the serial console."""

import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import machine

IN_BED = bool(os.environ.get("MAYFLY_TESTBED"))
# Of one command, with what it waits for. The guest is alone with its work where there is hardware; the test bed is 10 to 50
# times slower, but its tests do less: 20 s at most.
ANSWER_S = 60
# What QEMU's interpreter, which the test bed is, does to a guest now and then (tests/testbed/README.md).
BED_FAULTS = ("Oops: int3", "Fatal exception in interrupt")
# The same, where the guest's kernel was still to say so: its monitor ends.
BED_END = "KVM_EXIT_SHUTDOWN: triple fault"
KERNEL_FAULTS = re.compile(r"BUG: |Oops: |Kernel panic|WARNING: CPU|general protection fault|blocked for more than")
# Errors that the kernel reports for the faults that tests make are not wanted on the console that commands answer on.
WORDS = f"{machine.COMMAND_LINE} loglevel=3 root=/dev/vda ro mayfly.batch"


class SilentGuest(AssertionError):
    """A guest that stopped answering, or died of a fault of the test bed's interpreter."""


def sized(full, bed):
    """The amount of work of a test: what a machine with hardware virtualization does, or what the test bed can."""
    return bed if IN_BED else full


def core(test):
    """Marks a test of the selection that runs with every change (tests/linux/run --core)."""
    return test


def no_jail(reason):
    """Marks a test of what no jail can have."""
    def decorate(test):
        @functools.wraps(test)
        def run(self):
            if machine.JAILED:
                self.skipTest(f"no jail can have that: {reason}")
            test(self)
        return run
    return decorate


class Guest:
    """Owns one monitor process. Its root disk is /dev/vda, read-only; the disks given follow as /dev/vdb and so on."""

    def __init__(self, full_rootfs, vmlinux, disks=(), nets=(), vcpus=1, memory_mib=256, launcher=(), **popen):
        command = [*launcher, machine.MAYFLY, "run", "--kernel", vmlinux, "--cmdline", WORDS,
                   "--memory-mib", str(memory_mib), "--vcpus", str(vcpus), "--disk", f"path={full_rootfs},ro"]
        command += [word for disk in disks for word in ("--disk", disk)]
        command += [word for net in nets for word in ("--net", net)]
        self.spawn(command, **popen)

    def spawn(self, command, **popen):
        """Starts the monitor and begins to read what the guest prints."""
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        **popen)
        self.console = ""
        self.commands = 0
        self.booted = False
        self.arrived = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def boot(self):
        self.wait_for("Mayfly guest: Linux")
        machine.check_jail(self.process.pid)
        self.run("export PATH=/usr/sbin:/usr/bin:/sbin:/bin; stty -F /dev/ttyS0 -onlcr")
        self.booted = True

    def _read(self):
        while data := self.process.stdout.read1(65536):
            with self.arrived:
                self.console += data.decode(errors="replace")
                self.arrived.notify()
        with self.arrived:
            self.arrived.notify()

    def complaints(self):
        """What the monitor has written to its standard error."""
        # Not by seek(): the monitor writes at the same offset.
        return os.pread(self.errors.fileno(), 1 << 20, 0).decode(errors="replace")

    def said(self):
        """The end of both streams, for messages."""
        return f"\n--- console\n{self.console[-3000:]}\n--- monitor\n{self.complaints()}---"

    def ended(self, what):
        """The failure it is that the monitor ended; in the test bed a triple fault of a booted guest may be the bed's."""
        status = self.process.wait()
        fault_of_bed = IN_BED and self.booted and BED_END in self.complaints()
        return (SilentGuest if fault_of_bed else AssertionError)(f"the monitor ended with {status}, {what}: {self.said()}")

    def wait_for(self, pattern, start=0, timeout_s=ANSWER_S):
        """Waits for `pattern` in the console's text from offset `start` on; returns the match."""
        deadline = time.monotonic() + timeout_s
        regex = re.compile(pattern, re.MULTILINE)
        with self.arrived:
            while not (match := regex.search(self.console, start)):
                if any(fault in self.console for fault in BED_FAULTS) and IN_BED:
                    raise SilentGuest(f"a fault of the test bed: {self.said()}")
                if not self.reader.is_alive():
                    raise self.ended(f"no {pattern!r}")
                if time.monotonic() > deadline:
                    raise SilentGuest(f"no {pattern!r} within {timeout_s} s: {self.said()}")
                self.arrived.wait(0.5)
        return match

    def attempt(self, command, timeout_s=ANSWER_S):
        """Runs a shell command in the guest; returns its exit status and its output (both streams)."""
        self.commands += 1
        start = len(self.console)
        self.type(f"{{ {command}\n}} </dev/null 2>&1; printf '\\n[{self.commands}] status %d\\n' $?\n")
        match = self.wait_for(rf"^\[{self.commands}\] status (\d+)\r?$", start, timeout_s)
        return int(match[1]), self.console[start:match.start()].replace("\r", "").strip()

    def run(self, command, timeout_s=ANSWER_S):
        """The output of a shell command that must succeed."""
        status, output = self.attempt(command, timeout_s)
        if status != 0:
            raise AssertionError(f"{command!r} in the guest ended with status {status}:\n{output}{self.said()}")
        return output

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def put(self, path, text):
        """Writes a small text file in the guest."""
        self.run(f"cat >{path} <<'END-OF-FILE'\n{text}\nEND-OF-FILE")

    def start_job(self, name, command):
        """Runs a shell command in the background; finish_job() waits for it."""
        self.run(f"rm -f /tmp/{name}.status; {{ {{ {command}\n}} >/tmp/{name}.out 2>&1; echo $? >/tmp/{name}.status; }} &")

    def start_loop(self, name, command):
        """Runs a shell command over and over in the background, until finish_loop() or its first failure."""
        self.start_job(name, f"rm -f /tmp/{name}.stop; while [ ! -e /tmp/{name}.stop ]; do {command} || exit 1; done")

    def finish_loop(self, name, timeout_s=ANSWER_S):
        """Lets the loop's last round end; fails if it had failed before."""
        if not self.job_runs(name):
            raise AssertionError(f"{name} failed: " + self.attempt(f"cat /tmp/{name}.out")[1])
        self.run(f"touch /tmp/{name}.stop")
        self.finish_job(name, timeout_s)

    def job_runs(self, name):
        return self.attempt(f"test -e /tmp/{name}.status")[0] != 0

    def finish_job(self, name, timeout_s=ANSWER_S):
        """The output of a background command that must succeed."""
        self.run(f"until [ -s /tmp/{name}.status ]; do sleep 0.2; done", timeout_s)
        return self.run(f"cat /tmp/{name}.out; exit_status=$(cat /tmp/{name}.status); (exit $exit_status)")

    def reopen_disks(self, path):
        """The monitor opens every disk's path again; waits until it says so of the disk at `path`."""
        reopened = re.compile(rf"^.*{re.escape(path)}: opened again$", re.MULTILINE)
        before = len(reopened.findall(self.complaints()))
        self.process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + ANSWER_S
        while len(reopened.findall(self.complaints())) == before:
            if time.monotonic() > deadline:
                raise AssertionError(f"{path} was not opened again: {self.said()}")
            time.sleep(0.05)

    def kill(self):
        """The monitor dies at once, as by the kernel's out-of-memory killer."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()

    def end(self, quiet=True):
        """Powers the guest off and checks that nothing went wrong; `quiet`: that the monitor had nothing to say."""
        self.type("exit\n")
        try:
            status = self.process.wait(timeout=ANSWER_S)
        except subprocess.TimeoutExpired:
            raise SilentGuest(f"it did not power off: {self.said()}") from None
        self.reader.join()
        complaints = re.sub(r"(?m)^.*: opened again\n", "", self.complaints())
        if status != 0 or (quiet and complaints):
            raise self.ended("not as it should")
        if fault := KERNEL_FAULTS.search(self.console):
            raise AssertionError(f"the guest's kernel says {fault[0]!r}: {self.said()}")


class GuestTest(unittest.TestCase):
    """What all tests with such guests share: a folder, guests that end with the test, a second attempt in the test bed."""

    def run(self, result=None):
        method = getattr(self, self._testMethodName)
        setattr(self, self._testMethodName, functools.partial(self.with_second_attempt, method))
        return super().run(result)

    def with_second_attempt(self, method):
        """In the test bed a guest that fell silent gets one more chance, and it is said."""
        self.prepare()
        try:
            return method()
        except SilentGuest as silent:
            if not IN_BED:
                raise
            print(f"RETRIED in the test bed: {self.id()}: {str(silent)[:8000]}", file=sys.stderr)
        self.doCleanups()
        self.prepare()
        return method()

    def prepare(self):
        self.machine = machine.Machine()
        self.folder = tempfile.mkdtemp(prefix="mayfly-test-")
        if machine.JAILED:
            os.umask(0)
            os.chmod(self.folder, 0o777)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def skipTest(self, reason):
        print(f"SKIPPED: {self.id()}: {reason}", file=sys.stderr)
        super().skipTest(reason)

    def start(self, *disks, **options):
        guest = Guest(self.machine.full_rootfs, self.machine.vmlinux, disks=disks, **options)
        self.addCleanup(guest.errors.close)
        self.addCleanup(guest.kill)
        guest.boot()
        return guest

    def disk_file(self, name, mib):
        """A sparse file for a disk."""
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.truncate(int(mib * 1024 * 1024))
        return path

    def eventually(self, condition, what, timeout_s=ANSWER_S):
        """Waits until `condition()` is true."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"not within {timeout_s} s: {what}")
            time.sleep(0.1)

    def check_refused(self, flags, status, *words, launcher=(), **options):
        """`mayfly run` with these flags ends with `status` and one line that has all of `words`."""
        result = subprocess.run([*launcher, *self.machine.command(flags=flags)], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, timeout=ANSWER_S, check=False, **options)
        self.assertEqual(result.returncode, status, f"{flags}: {result.stderr}")
        self.assertEqual(len(result.stderr.splitlines()), 1, f"{flags}: {result.stderr}")
        for word in words:
            self.assertIn(word, result.stderr)
