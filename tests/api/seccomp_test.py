"""What confines a monitor's threads: its own filters, those that users compile, privileges, descriptors."""

import collections
import os
import re
import subprocess
import sys
import time

from monitor import ApiTest, ROOT, SECCOMPILER, main, needs_kvm, needs_root, tiny_guest, wait_until

THREAT_MODEL = os.path.join(ROOT, "docs/threat-model.md")
IO_URING_ENTER = 426
IOCTL = 16
# CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH.
LOOP_CAPABILITIES = 0b110


def allow_but(*calls, action="trap"):
    return {"default_action": "allow", "filter_action": action, "filter": [{"syscall": call} for call in calls]}


def three(vmm=None, vcpu=None):
    """Filters for all threads, which allow everything unless given."""
    return {"vmm": vmm or allow_but(), "api": allow_but(), "vcpu": vcpu or allow_but()}


class Thread:
    """A thread as /proc/PID/task/TID/status has it."""

    def __init__(self, pid, thread):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8") as file:
            self.fields = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        self.name = self.fields["Name"]
        self.seccomp = self.fields["Seccomp"]
        # Since Linux 5.9.
        self.filters = int(self.fields["Seccomp_filters"])
        self.has_no_new_privs = self.fields["NoNewPrivs"] == "1"
        self.capabilities = int(self.fields["CapEff"], 16) | int(self.fields["CapPrm"], 16)


class SeccompTest(ApiTest):
    def threads(self):
        """All of the process, among them io_uring's and KVM's, which run in the kernel only."""
        threads = []
        for name in os.listdir(f"/proc/{self.monitor.pid}/task"):
            try:
                threads.append(Thread(self.monitor.pid, name))
            except FileNotFoundError:
                pass  # ended meanwhile
        self.assertIn("firecracker", {thread.name for thread in threads})
        return threads

    def thread(self, name):
        return next(thread for thread in self.threads() if thread.name == name)

    def wait_for_guest(self):
        """A guest that counts: its threads are confined."""
        wait_until(lambda: tiny_guest.last_count(self.monitor.output()) > 2, "the guest counts")

    def boot_with(self, filters):
        """Starts a guest; the answer to InstanceStart may be missing when the monitor is killed by a filter."""
        self.start("--seccomp-filter", self.filter_file(filters))
        self.configure()
        try:
            self.api.action("InstanceStart")
        except (OSError, EOFError):
            pass


@needs_kvm
class BuiltInTest(SeccompTest):
    def test_before_the_guest(self):
        self.start()
        for thread in self.threads():
            self.assertEqual((thread.seccomp, thread.filters), ("2", 1), thread.fields)
            self.assertTrue(thread.has_no_new_privs)

    def test_from_the_guests_first_instruction_on(self):
        self.boot()
        self.wait_for_guest()
        for thread in self.threads():
            self.assertEqual(thread.seccomp, "2", thread.fields)
            self.assertTrue(thread.has_no_new_privs)
        for name in ("firecracker", "fc_vcpu 0"):
            self.assertEqual(self.thread(name).filters, 2, name)

    def test_capabilities(self):
        self.boot()
        self.wait_for_guest()
        self.assertEqual(self.thread("fc_vcpu 0").capabilities, 0)
        self.assertEqual(self.thread("firecracker").capabilities & ~LOOP_CAPABILITIES, 0)

    def test_no_core_dumps(self):
        self.start()
        with open(f"/proc/{self.monitor.pid}/limits", encoding="ascii") as file:
            line = next(line for line in file if line.startswith("Max core file size"))
        self.assertEqual(line.split()[4:6], ["0", "0"])

    def test_without_filters(self):
        self.boot("--no-seccomp")
        self.wait_for_guest()
        for thread in self.threads():
            self.assertEqual((thread.seccomp, thread.filters), ("0", 0), thread.fields)
            self.assertTrue(thread.has_no_new_privs)
        self.assertEqual(self.thread("fc_vcpu 0").capabilities, 0)


@needs_kvm
class CustomTest(SeccompTest):
    def test_all_allowed(self):
        self.start("--seccomp-filter", self.filter_file(three()))
        self.configure()
        self.done(self.api.action("InstanceStart"))
        self.wait_for_guest()
        for name in ("firecracker", "fc_vcpu 0"):
            self.assertEqual((self.thread(name).seccomp, self.thread(name).filters), ("2", 1), name)

    def test_calls_that_nobody_makes(self):
        names = {thread: allow_but("clone", "execve", action="kill_process") for thread in ("VMM", "api", "Vcpu")}
        self.start("--seccomp-filter", self.filter_file(names))
        self.configure()
        self.done(self.api.action("InstanceStart"))
        self.wait_for_guest()
        self.assertEqual(self.state(), "Running")

    def test_a_call_that_a_thread_needs(self):
        for filters, number in ((three(vcpu=allow_but("ioctl")), IOCTL), (three(vmm=allow_but("io_uring_enter")),
                                                                         IO_URING_ENTER)):
            with self.subTest(number):
                self.boot_with(filters)
                self.assertEqual(self.monitor.ended(), 148, self.monitor.said())
                self.assertIn(f"Shutting down VM after intercepting a bad syscall ({number}).", self.monitor.output())
                os.unlink(self.monitor.socket_path)

    def test_checks_of_arguments(self):
        """KVM_RUN is trapped, and no other ioctl."""
        kvm_run = {"syscall": "ioctl", "args": [{"index": 1, "type": "dword", "op": "eq", "val": 0xae80}]}
        self.boot_with(three(vcpu=allow_but() | {"filter": [kvm_run]}))
        self.assertEqual(self.monitor.ended(), 148, self.monitor.said())

    def test_killed_without_a_word(self):
        self.boot_with(three(vcpu=allow_but("ioctl", action="kill_process")))
        self.assertEqual(self.monitor.ended(), -31, self.monitor.said())
        self.assertNotIn("bad syscall", self.monitor.output())


class FilterFileTest(SeccompTest):
    def refusal(self, path):
        """What a monitor says that does not start for its filters."""
        monitor = self.launch("--seccomp-filter", path)
        self.assertEqual(monitor.ended(), 1, monitor.said())
        self.assertFalse(os.path.exists(monitor.socket_path))
        said = monitor.output() + monitor.errors()
        os.unlink(monitor.output_path)
        os.unlink(monitor.errors_path)
        return said

    def test_no_filter_file(self):
        with open(self.filter_file(three()), "rb") as file:
            whole = file.read()
        for content in (b"Invalid BPF!", b"", whole[:-1], whole + b"x", bytes(200_000)):
            self.assertIn("Seccomp error: Filter deserialization failed: ", self.refusal(self.file("other", content)))
        self.assertIn("Seccomp error: Filter deserialization failed: open /none: No such file", self.refusal("/none"))

    def test_garbage_with_a_config_file(self):
        """A client that configures by a file is told as well."""
        config = {"boot-source": {"kernel_image_path": self.kernel()}, "drives": []}
        monitor = self.launch("--config-file", self.file("config", config), "--no-api", "--seccomp-filter",
                              self.file("other", b"Invalid BPF!"))
        self.assertEqual(monitor.ended(), 1, monitor.said())
        self.assertIn("Seccomp error: Filter deserialization failed", monitor.said())

    def test_threads_that_are_missing_or_too_many(self):
        filters = three()
        del filters["api"]
        self.assertIn("Seccomp error: Missing thread category: api", self.refusal(self.filter_file(filters)))
        self.assertIn("Seccomp error: Invalid thread categories: net",
                      self.refusal(self.filter_file(three() | {"net": allow_but()})))

    @needs_kvm
    def test_programs_that_the_kernel_refuses(self):
        """No guest runs without its filters."""
        with open(self.filter_file(three()), "rb") as file:
            content = file.read()
        # Of the threads in the file's order: api, vcpu, vmm.
        return_allow = bytes.fromhex("060000000000ff7f")
        pieces = content.split(return_allow)
        self.assertEqual(len(pieces), 4)

        def start_without(number):
            instructions = [return_allow] * 3 + [b""]
            instructions[number] = bytes([0xff] * 8)
            self.start("--seccomp-filter", self.file("other", b"".join(map(bytes.__add__, pieces, instructions))))
            self.configure()
            return self.api.action("InstanceStart")
        self.refused(start_without(2), "Start microvm error: the loop's thread: seccomp: Invalid argument")
        self.assertEqual(self.state(), "Not started")
        self.monitor.stop()
        os.unlink(self.monitor.socket_path)
        start_without(1)
        self.assertEqual(self.monitor.ended(), 1)
        self.assertIn("The guest cannot go on: vcpu 0: the vCPU's thread: seccomp: Invalid argument", self.monitor.output())
        self.assertEqual(tiny_guest.last_count(self.monitor.output()), 0)


class SeccompilerTest(ApiTest):
    def run_program(self, *arguments):
        return subprocess.run([SECCOMPILER, *arguments], capture_output=True, text=True, cwd=self.folder)

    def test_default_output(self):
        self.file("in", three())
        result = self.run_program("--input-file", "in", "--target-arch", "x86_64")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertTrue(os.path.exists(self.path("seccomp_binary_filter.out")))

    def test_split_output(self):
        self.file("in", three())
        self.assertEqual(self.run_program("-i", "in", "-t", "x86_64", "-o", "out", "--split-output").returncode, 0)
        for thread in ("vmm", "api", "vcpu"):
            self.assertEqual(os.path.getsize(self.path(f"out.{thread}")) % 8, 0)
        self.assertFalse(os.path.exists(self.path("out")))

    def test_a_wrong_file(self):
        self.file("in", three(vmm=allow_but("read", "no_such_call")))
        result = self.run_program("-i", "in", "-t", "x86_64")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, "seccompiler: in: vmm: filter[1]: syscall: x86-64 has no 'no_such_call'\n")
        self.assertEqual(os.listdir(self.folder), ["in"])

    def test_wrong_command_lines(self):
        for arguments in ((), ("-i", "in"), ("-i", "in", "-t", "aarch64"), ("--none",)):
            result = self.run_program(*arguments)
            self.assertEqual((result.returncode, len(result.stderr.splitlines())), (2, 1), result)

    def test_help_and_version(self):
        self.assertIn("--split-output", self.run_program("--help").stdout)
        self.assertRegex(self.run_program("--version").stdout, r"^seccompiler v\d+\.\d+\.\d+ \(Mayfly\)\n$")


class DescriptorTest(SeccompTest):
    """The page that justifies each descriptor names those that there are, and a test here has each of its names."""

    ALWAYS = {"`anon_inode:[io_uring]`": 1, "`anon_inode:[signalfd]`": 1, "`anon_inode:kvm-vm`": 1, "`socket`": 2}
    NAMES = {"disk": "a disk's file", "memory": "a snapshot's memory file", "log": "the log", "metrics": "the metrics",
             "serial": "the serial output"}

    def found(self):
        found = collections.Counter()
        for number in os.listdir(f"/proc/{self.monitor.pid}/fd"):
            try:
                target = os.readlink(f"/proc/{self.monitor.pid}/fd/{number}")
            except FileNotFoundError:
                continue  # closed meanwhile
            if int(number) > 2:
                kind = re.sub(r":\[\d+\]$|:\d+$", "", target).removesuffix(" (deleted)")
                name = self.NAMES.get(os.path.basename(kind)) if kind.startswith(self.folder) else None
                found[name or f"`{kind}`"] += 1
        return found

    def check(self, expected):
        expected = collections.Counter(self.ALWAYS | expected)
        # What is made ahead of a start comes a moment after the socket.
        deadline = time.monotonic() + 10
        while (found := self.found()) != expected and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(found, expected)
        with open(THREAT_MODEL, encoding="utf-8") as file:
            table = file.read().split("<!-- descriptors -->")[1].split("<!-- /descriptors -->")[0]
        justified = re.findall(r"^\| (.*?) \|", table, re.MULTILINE)
        for kind in found:
            self.assertTrue(any(kind in row for row in justified), f"{kind} is not justified")

    @needs_kvm
    def test_before_and_after_the_start(self):
        self.start()
        self.check({"`anon_inode:[eventfd]`": 1, "`/dev/kvm`": 1, "`anon_inode:kvm-vcpu`": 1})
        self.configure(vcpus=2)
        self.done(self.api.put("/drives/a", {"drive_id": "a", "is_root_device": False, "path_on_host": self.disk()}))
        self.done(self.api.action("InstanceStart"))
        self.check({"`anon_inode:[eventfd]`": 1 + 4 + 2, "`anon_inode:kvm-vcpu`": 2, "`/memfd:guest-ram`": 1, "a disk's file": 1})

    @needs_kvm
    @needs_root
    def test_cards_files_and_snapshots(self):
        sys.path.insert(0, os.path.join(ROOT, "tests/linux"))
        import network
        net = network.Network()
        self.addCleanup(net.delete)
        self.start("--log-path", self.file("log"), "--metrics-path", self.file("metrics"), launcher=net.launcher)
        self.configure()
        self.done(self.api.put("/network-interfaces/1", {"iface_id": "1", "host_dev_name": net.taps[0]}))
        self.done(self.api.put("/serial", {"serial_out_path": self.file("serial")}))
        self.done(self.api.action("InstanceStart"))
        running = {"`anon_inode:[eventfd]`": 1 + 4 + 3, "`anon_inode:kvm-vcpu`": 1, "`/dev/net/tun`": 1}
        files = {"the log": 1, "the metrics": 1, "the serial output": 1}
        self.check(running | files | {"`/memfd:guest-ram`": 1})
        snapshot = {"snapshot_path": self.path("state"), "mem_file_path": self.path("memory")}
        self.done(self.api.patch("/vm", {"state": "Paused"}))
        self.done(self.api.put("/snapshot/create", snapshot))
        self.check(running | files | {"`/memfd:guest-ram`": 1})
        self.monitor.stop()
        os.unlink(self.monitor.socket_path)
        self.start(launcher=net.launcher)
        self.done(self.api.put("/snapshot/load", {"snapshot_path": self.path("state"), "resume_vm": True, "mem_backend": {
            "backend_type": "File", "backend_path": self.path("memory")}}))
        self.check(running | {"a snapshot's memory file": 1})


if __name__ == "__main__":
    main()
