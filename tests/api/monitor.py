"""What every test of this folder stands on: a running program, its files, and how a test file ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from client import ANSWER_S, Api, Connection, wait_until  # noqa: E402
import tiny_guest  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
MAYFLY = os.environ.get("MAYFLY", os.path.join(ROOT, "build/release/api/mayfly"))
SECCOMPILER = os.environ.get("SECCOMPILER", os.path.join(ROOT, "build/release/jailer/seccompiler"))
VERSION = "1.17.0"
BEFORE_START = "The requested operation is not supported before starting the microVM."
AFTER_START = "The requested operation is not supported after starting the microVM."
KVM = os.access("/dev/kvm", os.R_OK | os.W_OK)
needs_kvm = unittest.skipUnless(KVM, "no usable /dev/kvm: no virtual machine can run here")
needs_root = unittest.skipUnless(os.geteuid() == 0, "only root can make network namespaces")


class Monitor:
    """Owns one process. Its standard output, where the log goes by default, and standard error are files in `folder`."""

    def __init__(self, folder, *flags, api_sock=None, vm_id="test", launcher=(), **popen):
        self.folder = folder
        self.socket_path = api_sock or os.path.join(folder, "api.socket")
        words = ["--id", vm_id] if vm_id else []
        if "--no-api" not in flags:
            words += ["--api-sock", self.socket_path]
        self.command = [*launcher, MAYFLY, *words, *map(str, flags)]
        self.output_path, self.errors_path = (os.path.join(folder, name) for name in ("stdout", "stderr"))
        popen.setdefault("stdin", subprocess.DEVNULL)
        with open(self.output_path, "ab") as output, open(self.errors_path, "ab") as errors:
            self.process = subprocess.Popen(self.command, stdout=output, stderr=errors, **popen)

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        with open(self.output_path, "rb") as file:
            return file.read().decode(errors="replace")

    def errors(self):
        with open(self.errors_path, "rb") as file:
            return file.read().decode(errors="replace")

    def said(self):
        return f"\n{' '.join(self.command)}\n--- stdout\n{self.output()[-4000:]}\n--- stderr\n{self.errors()[-4000:]}\n---"

    def connect(self):
        return Connection(self.socket_path)

    def wait_for_socket(self):
        """Returns once the socket takes connections."""
        def listens():
            if self.process.poll() is not None:
                raise AssertionError(f"the program ended with {self.process.returncode}{self.said()}")
            try:
                self.connect().close()
            except OSError:
                return False
            return True
        wait_until(listens, lambda: f"listening socket{self.said()}")

    def wait_for_output(self, text):
        wait_until(lambda: text in self.output(), lambda: f"{text!r} in the output{self.said()}")

    def ended(self):
        """The exit status of a program that ends by itself; -N after signal N."""
        try:
            return self.process.wait(ANSWER_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the program did not end{self.said()}") from None

    def is_running(self):
        return self.process.poll() is None

    def status_kib(self, field):
        """A line of /proc/PID/status in KiB: VmRSS is what is resident now, VmHWM the most there was."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return int(next(line for line in file if line.startswith(f"{field}:")).split()[1])

    def descriptors(self):
        """How many there are, but for those that a monitor makes ahead, some time after its start."""
        count = 0
        for name in os.listdir(f"/proc/{self.pid}/fd"):
            try:
                count += os.readlink(f"/proc/{self.pid}/fd/{name}") not in ("/dev/kvm", "anon_inode:kvm-vm")
            except FileNotFoundError:
                pass  # closed meanwhile
        return count

    def threads(self):
        names = []
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{thread}/comm", encoding="utf-8") as file:
                names.append(file.read().strip())
        return sorted(names)

    def stop(self, number=signal.SIGKILL):
        if self.is_running():
            self.process.send_signal(number)
        return self.process.wait(ANSWER_S)


class ApiTest(unittest.TestCase):
    """A folder, monitors in it that end with the test, and what answers are checked by."""

    maxDiff = None
    launcher = ()

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="mayfly-api-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, name, content=b""):
        """Writes a file of the test's folder; an object becomes JSON. Returns the path."""
        if isinstance(content, (dict, list)):
            content = json.dumps(content)
        with open(self.path(name), "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        return self.path(name)

    def filter_file(self, filters):
        """A file for --seccomp-filter, compiled from an object as Firecracker's users write it."""
        source, compiled = self.file("filters.json", filters), self.path("filters")
        subprocess.run([SECCOMPILER, "--input-file", source, "--target-arch", "x86_64", "--output-file", compiled],
                       check=True)
        return compiled

    def kernel(self, code=tiny_guest.COUNT):
        return self.file("kernel", tiny_guest.elf(code))

    def disk(self, name="disk", size_bytes=1 << 20):
        return self.file(name, bytes(size_bytes))

    def launch(self, *flags, **options):
        """Starts the program without waiting for anything."""
        options.setdefault("launcher", self.launcher)
        monitor = Monitor(self.folder, *flags, **options)
        self.addCleanup(monitor.stop)
        return monitor

    def start(self, *flags, **options):
        """Starts the program and connects `self.api`."""
        self.monitor = self.launch(*flags, **options)
        self.monitor.wait_for_socket()
        self.api = Api(self.monitor.socket_path)
        self.addCleanup(self.api.close)
        return self.monitor

    def configure(self, code=tiny_guest.COUNT, vcpus=1, mem_size_mib=32):
        self.done(self.api.put("/machine-config", {"vcpu_count": vcpus, "mem_size_mib": mem_size_mib}))
        self.done(self.api.put("/boot-source", {"kernel_image_path": self.kernel(code)}))

    def boot(self, *flags, code=tiny_guest.COUNT, **options):
        """Starts the program with a running tiny guest."""
        self.start(*flags, **options)
        self.configure(code)
        self.done(self.api.action("InstanceStart"))
        return self.monitor

    def done(self, response):
        """A change that succeeded."""
        self.assertEqual((response.status, response.body), (204, b""), response)
        return response

    def found(self, response):
        """The object that a GET answered."""
        self.assertEqual(response.status, 200, response)
        self.assertEqual(response.header("Content-Type"), "application/json")
        return response.json()

    def refused(self, response, message, status=400):
        """An error with exactly this text, or one that a compiled pattern matches whole."""
        self.assertEqual(response.status, status, response)
        self.assertEqual(response.header("Content-Type"), "application/json")
        self.assertEqual(list(response.json()), ["fault_message"])
        if isinstance(message, str):
            self.assertEqual(response.fault, message)
        else:
            self.assertIsNotNone(message.fullmatch(response.fault), f"{response.fault!r} is not {message.pattern!r}")

    def state(self):
        return self.found(self.api.get("/"))["state"]


def main():
    """Runs the tests of the calling file. Exit status 77 when none could run; each reason for skipping is a line."""
    for program in (MAYFLY, SECCOMPILER):
        if not os.access(program, os.X_OK):
            sys.exit(f"{program}: no such program; \".ci/build release mayfly seccompiler\" makes it")
    result = unittest.main(verbosity=2, exit=False).result
    reasons = {reason for _, reason in result.skipped}
    for reason in sorted(reasons):
        print(f"SKIPPED: {reason}", flush=True)
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if reasons and result.testsRun == len(result.skipped) else 0)
