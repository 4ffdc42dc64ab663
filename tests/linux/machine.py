"""Starts `mayfly run` with a real guest, for the tests of this folder: with pipes, or on a pseudo-terminal."""

import os
import pty
import select
import signal
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
MAYFLY = os.environ.get("MAYFLY", os.path.join(ROOT, "build/release/api/mayfly"))
# The monitor is another user then, for whom the test's files must be open.
JAILED = os.path.basename(MAYFLY) == "jailed_mayfly"
# A guest that is not done by then hangs; emulated hosts need two to six seconds.
TIMEOUT_S = 30
COMMAND_LINE = "console=ttyS0 quiet reboot=k panic=-1 i8042.noaux i8042.nomux i8042.dumbkbd swiotlb=noforce"


def check_jail(pid):
    """That a monitor whose guest runs is where and who it should be, if jails were asked for."""
    if not JAILED:
        return
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        status = {name: value.split() for name, _, value in (line.partition(":") for line in file)}
    expected = {"Uid": [os.environ["JAILED_MAYFLY_UID"]] * 4, "Gid": [os.environ["JAILED_MAYFLY_GID"]] * 4, "Groups": [],
                "NoNewPrivs": ["1"], "Seccomp": ["2"], **dict.fromkeys(("CapPrm", "CapEff", "CapBnd"), ["0" * 16])}
    found = {name: status[name] for name in expected}
    if found != expected or os.path.samefile(f"/proc/{pid}/root", "/"):
        raise AssertionError(f"process {pid} is not in its jail: {found}")


class Machine:
    """The files all tests boot; tests/linux/run says where they are."""

    def __init__(self):
        kernel, rootfs = os.environ["MAYFLY_KERNEL"], os.environ["MAYFLY_ROOTFS"]
        self.vmlinux = os.path.join(kernel, "vmlinux")
        self.vmlinux_nopvh = os.path.join(kernel, "vmlinux-nopvh")
        self.bzimage = os.path.join(kernel, "bzImage")
        self.initramfs = os.path.join(rootfs, "initramfs.cpio")
        self.debian_vmlinuz = os.environ.get("MAYFLY_DEBIAN_VMLINUZ", "")
        self.full_rootfs = os.path.join(os.environ.get("MAYFLY_FULL_ROOTFS", ""), "rootfs.ext4")

    def command(self, extra="", kernel=None, initramfs=None, flags=()):
        return [MAYFLY, "run", "--kernel", kernel or self.vmlinux, "--initrd", initramfs or self.initramfs,
                "--cmdline", f"{COMMAND_LINE} {extra}".strip(), *flags]

    def run(self, extra="", **options):
        """Runs a guest to its end without input; the finished process with its output as text."""
        return subprocess.run(self.command(extra, **options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="replace", timeout=TIMEOUT_S, check=False)


class Terminal:
    """A `mayfly run` whose console is a pseudo-terminal that a test types on."""

    def __init__(self, command):
        self.master, slave = pty.openpty()
        self.output = ""
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                        preexec_fn=lambda: self._take_terminal(slave))
        # Kept open: modes can be read after the monitor is gone.
        self.slave = slave

    @staticmethod
    def _take_terminal(slave):
        import fcntl
        import termios
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    def type(self, text):
        os.write(self.master, text.encode())

    def expect(self, text, timeout_s=TIMEOUT_S):
        """Waits until the output has `text` past what earlier calls waited for; returns what came before it."""
        deadline = time.monotonic() + timeout_s
        while text not in self.output:
            if time.monotonic() > deadline:
                raise AssertionError(f"{text!r} did not come; the terminal shows:\n{self.output}")
            if select.select([self.master], [], [], 0.1)[0]:
                self.output += os.read(self.master, 65536).decode(errors="replace")
        before, self.output = self.output.split(text, 1)
        return before

    def wait(self, timeout_s=TIMEOUT_S):
        """The monitor's exit status; what it still prints is read, so that it never waits for us."""
        deadline = time.monotonic() + timeout_s
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"the monitor did not end; the terminal shows:\n{self.output}")
            if select.select([self.master], [], [], 0.05)[0]:
                self.output += os.read(self.master, 65536).decode(errors="replace")
        return self.process.returncode

    def hang_up(self):
        os.close(self.master)
        self.master = -1

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)
        self.master = self.slave = -1
