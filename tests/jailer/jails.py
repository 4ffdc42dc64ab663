"""What every test of this folder stands on: jails in a folder of the test's own, and what is left of them."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "api")]
from client import ANSWER_S, Api, wait_until  # noqa: E402
import monitor  # noqa: E402
from monitor import KVM, MAYFLY, ROOT  # noqa: E402

JAILER = os.environ.get("MAYFLY_JAILER", os.path.join(ROOT, "build/release/jailer/mayfly-jailer"))
# Any that are not in use.
USER, GROUP = 41234, 42345
PROGRAM = os.path.basename(MAYFLY)
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
needs_root = unittest.skipUnless(os.geteuid() == 0, "only root can make jails with devices of their own")
needs_kvm = unittest.skipUnless(KVM, "no usable /dev/kvm: no virtual machine can run here")


def cgroup_mounts():
    """Mount points of control groups: {"memory": PATH, ...} of version 1, and "" for version 2."""
    mounts = {}
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            fields, _, tail = line.partition(" - ")
            kind, _, options = tail.split()[:3]
            if kind == "cgroup2":
                mounts.setdefault("", fields.split()[4])
            if kind == "cgroup":
                for option in options.split(","):
                    mounts.setdefault(option, fields.split()[4])
    return mounts


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def status_of(pid):
    """/proc/PID/status as {"Uid": "0\t0\t0\t0", ...}."""
    return {name: value.strip() for name, _, value in
            (line.partition(":") for line in read(f"/proc/{pid}/status").splitlines())}


def namespace(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def is_alive(pid):
    """False, too, for one that has ended and waits for its parent."""
    try:
        return read(f"/proc/{pid}/stat").rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Jail:
    """One run of the jailer, whose streams are files in the test's folder."""

    def __init__(self, base, jail_id, flags, arguments, exec_file=MAYFLY, user=(USER, GROUP), launcher=(), jailer=JAILER,
                 **popen):
        self.jail_id = jail_id
        self.base = base
        self.folder = os.path.join(base, os.path.basename(exec_file), jail_id)
        self.root = os.path.join(self.folder, "root")
        self.pid_file = self.path(f"{os.path.basename(exec_file)}.pid")
        self.command = [*launcher, jailer, "--id", jail_id, "--exec-file", exec_file, "--chroot-base-dir", base]
        if user:
            self.command += ["--uid", str(user[0]), "--gid", str(user[1])]
        self.command += [*map(str, flags), *(["--", *map(str, arguments)] if arguments else [])]
        self.streams = [tempfile.TemporaryFile() for _ in range(2)]
        popen.setdefault("stdin", subprocess.DEVNULL)
        self.process = subprocess.Popen(self.command, stdout=self.streams[0], stderr=self.streams[1], **popen)

    def path(self, name):
        """On the host, of a file in the jail."""
        return os.path.join(self.root, name.lstrip("/"))

    def said(self, stream=1):
        self.streams[stream].seek(0)
        return self.streams[stream].read().decode(errors="replace")

    def ended(self):
        return self.process.wait(ANSWER_S)

    def recorded_pid(self):
        return int(read(self.pid_file))

    def api(self, socket="/run/firecracker.socket"):
        """A connection to the monitor, once it listens."""
        def listens():
            try:
                return Api(self.path(socket))
            except OSError:
                if self.process.poll() not in (None, 0):
                    raise AssertionError(f"{self.command} ended with {self.process.returncode}: {self.said()}") from None
                return None
        return wait_until(listens, lambda: f"listening socket: {self.said()}")

    def kill(self):
        """Ends the jailed program, if it is not the jailer's own process."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(ANSWER_S)
        for stream in self.streams:
            stream.close()


class JailTest(unittest.TestCase):
    """A folder for jails, which must be empty at the end but for the folders of the programs."""

    maxDiff = None

    def setUp(self):
        self.base = tempfile.mkdtemp(prefix="jails-", dir="/tmp")
        os.chmod(self.base, 0o755)
        self.addCleanup(shutil.rmtree, self.base)
        self.outside = os.path.join(self.base, "outside")  # of any jail
        os.mkdir(self.outside)
        self.jails = []
        self.addCleanup(self.clean_all)

    def jail(self, *flags, jail_id=None, arguments=(), **options):
        """Starts the jailer. It is ended and what is left is removed with the test."""
        base = options.pop("base", self.base)
        jail = Jail(base, f"jail-{len(self.jails)}" if jail_id is None else jail_id, flags, arguments, **options)
        self.jails.append(jail)
        return jail

    def refused(self, *flags, **options):
        """The jailer's one line on standard error, after status 1, with nothing left that was not there."""
        before = self.everything()
        jail = self.jail(*flags, **options)
        self.assertEqual(jail.ended(), 1, jail.said())
        self.assertEqual(jail.said(0), "")
        self.assertEqual(jail.said().count("\n"), 1, jail.said())
        self.assertTrue(jail.said().startswith("mayfly-jailer: "), jail.said())
        self.assertEqual(self.everything(), before, jail.said())
        return jail.said().removeprefix("mayfly-jailer: ").rstrip("\n")

    def everything(self):
        """All files below the folder as (path, type and mode, owner, size), and the control groups of all jails."""
        found = []
        for folder, folders, files in os.walk(self.base):
            for name in sorted(folders + files):
                path = os.path.join(folder, name)
                info = os.lstat(path)
                size = info.st_size if stat.S_ISREG(info.st_mode) else 0
                found.append((path, stat.filemode(info.st_mode), info.st_uid, size))
        for mount in sorted(set(cgroup_mounts().values())):
            for folder, _, _ in os.walk(mount):
                if "jail" in folder.removeprefix(mount) or PROGRAM in folder.removeprefix(mount).split("/"):
                    found.append(folder)
        return sorted(map(str, found))

    def clean(self, jail, *flags, exec_file=MAYFLY, jailer=JAILER, **options):
        """(status, standard error) of --clean."""
        result = subprocess.run(
            [jailer, "--clean", "--id", jail.jail_id, "--exec-file", exec_file, "--chroot-base-dir", jail.base, *flags],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=ANSWER_S, check=False, **options)
        self.assertEqual(result.stdout, "")
        return result.returncode, result.stderr

    def clean_all(self):
        for jail in self.jails:
            jail.kill()
        for mount in set(cgroup_mounts().values()):
            for folder, _, _ in os.walk(mount, topdown=False):
                if os.path.basename(folder) == PROGRAM or "/jail-" in folder or "/jails-parent" in folder:
                    # One of another test that runs at the same time is busy.
                    try:
                        os.rmdir(folder)
                    except OSError:
                        pass

    def kill_recorded(self, jail):
        """Ends a program that is no child of the test."""
        pid = jail.recorded_pid()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid), "end of the program")


def main():
    if not os.access(JAILER, os.X_OK):
        sys.exit(f"{JAILER}: no such program; \".ci/build release mayfly mayfly-jailer\" makes it")
    monitor.main()
