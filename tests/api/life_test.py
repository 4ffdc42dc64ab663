"""A VM's life as clients see it, the command line, the configuration file, signals and exit statuses."""

import json
import os
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from client import Api, wait_until  # noqa: E402
from monitor import MAYFLY, VERSION, ApiTest, main, needs_kvm  # noqa: E402
import tiny_guest  # noqa: E402


class CommandLineTest(ApiTest):
    def run_program(self, *arguments, **options):
        return subprocess.run([MAYFLY, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
                              check=False, **options)

    def test_version(self):
        result = self.run_program("--version")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stdout.splitlines()[0].split()[1], f"v{VERSION}")
        self.start()
        self.assertEqual(self.found(self.api.get("/version")), {"firecracker_version": VERSION})

    def test_help(self):
        result = self.run_program("--help")
        self.assertEqual(result.returncode, 0)
        for flag in ("--api-sock", "--config-file", "--metrics-path", "--no-seccomp"):
            self.assertIn(flag, result.stdout)
        self.assertEqual(self.run_program("-h").stdout, result.stdout)

    def test_wrong_command_lines(self):
        for arguments, message in (
                (["--foo"], "Found argument 'foo' which wasn't expected, or isn't valid in this context."),
                (["--id"], "The argument 'id' requires a value, but none was supplied."),
                (["--id", "a", "--id", "b"], "The argument 'id' was provided more than once."),
                (["--no-api"], "Argument 'config-file' required, but not found.")):
            result = self.run_program(*arguments)
            self.assertEqual(result.returncode, 153)
            self.assertEqual(result.stderr, f"Arguments parsing error: {message} \n\nFor more information try --help.\n")

    def test_wrong_values(self):
        for arguments in (["--level", "loud"], ["--id", "a/b"], ["--id", "x" * 65], ["--log-path", "/none/log"],
                          ["--enable-pci"]):
            result = self.run_program("--api-sock", self.path("s"), *arguments)
            self.assertEqual(result.returncode, 152, result)
            self.assertEqual(len(result.stderr.splitlines()), 1, result)

    def test_wrong_sockets(self):
        self.start()
        result = self.run_program("--api-sock", self.monitor.socket_path)
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"Failed to open the API socket at: {self.monitor.socket_path}. Check that it is not already used.",
                      result.stderr)
        for path in ("/none/socket", "/tmp/" + "x" * 200, ""):
            result = self.run_program("--api-sock", path)
            self.assertEqual(result.returncode, 1, result)
            self.assertEqual(len(result.stderr.splitlines()), 1, result)
        # The socket's file is left behind, and is no use to the next.
        self.monitor.stop()
        self.assertTrue(os.path.exists(self.monitor.socket_path))
        self.assertEqual(self.run_program("--api-sock", self.monitor.socket_path).returncode, 1)

    def test_first_log_line(self):
        self.start()
        self.monitor.wait_for_output("API server started.")
        self.assertRegex(self.monitor.output().splitlines()[0],
                         rf"^\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{9}} \[test:firecracker\] Running Firecracker v{VERSION}$")

    def test_one_terminal_is_left_as_it_was(self):
        import pty
        import termios
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        before = termios.tcgetattr(slave)
        self.start(stdin=slave)
        self.assertEqual(self.monitor.stop(signal.SIGTERM), -signal.SIGTERM)
        self.assertEqual(termios.tcgetattr(slave), before)


class SignalTest(ApiTest):
    def setUp(self):
        super().setUp()
        self.start("--metrics-path", self.path("metrics"))

    def last_metrics(self):
        with open(self.path("metrics"), encoding="utf-8") as file:
            return json.loads(file.read().splitlines()[-1])

    def test_signals_that_end_it(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                self.assertEqual(self.monitor.stop(number), -number)
                os.unlink(self.monitor.socket_path)
                self.start()

    def test_signals_with_exit_statuses_of_their_own(self):
        for name, status in (("SIGBUS", 149), ("SIGSEGV", 150), ("SIGXFSZ", 151), ("SIGXCPU", 154), ("SIGHUP", 156),
                             ("SIGILL", 157)):
            with self.subTest(name):
                self.assertEqual(self.monitor.stop(getattr(signal, name)), status, self.monitor.said())
                self.assertIn(f"Shutting down VM after intercepting signal {int(getattr(signal, name))}, code 0",
                              self.monitor.output())
                self.assertEqual(self.last_metrics()["signals"][name.lower()], 1)
                os.unlink(self.monitor.socket_path)
                self.start("--metrics-path", self.path("metrics"))

    def test_bad_system_call(self):
        self.assertEqual(self.monitor.stop(signal.SIGSYS), 148)
        self.assertEqual(self.last_metrics()["seccomp"]["num_faults"], 1)

    def test_signals_that_do_not_end_it(self):
        for number in (35, signal.SIGPIPE):
            self.monitor.process.send_signal(number)
        self.monitor.wait_for_output("Received signal 13, code 0")
        self.assertEqual(self.state(), "Not started")
        self.assertIn('mayfly_signals_sigpipe_total{id="test"} 1', self.api.get("/metrics").body.decode())


@needs_kvm
class LifeTest(ApiTest):
    def count(self):
        return tiny_guest.last_count(self.monitor.output())

    def test_states(self):
        self.boot("--level", "Off")
        self.assertEqual(self.found(self.api.get("/")), {"id": "test", "state": "Running", "vmm_version": VERSION,
                                                          "app_name": "Firecracker"})
        wait_until(lambda: self.count() > 2, "the guest counts")
        for _ in range(2):
            self.done(self.api.patch("/vm", {"state": "Paused"}))
            self.assertEqual(self.state(), "Paused")
        stopped = None
        # What was printed before the pause may still be on its way.
        while stopped != (stopped := self.monitor.output()):
            Api(self.monitor.socket_path).close()
            self.assertTrue(self.api.connection.is_silent(0.2))
        for _ in range(2):
            self.done(self.api.patch("/vm", {"state": "Resumed"}))
            self.assertEqual(self.state(), "Running")
        before = tiny_guest.last_count(stopped)
        wait_until(lambda: self.count() > before + 2, "the guest goes on")

    def test_thread_names(self):
        self.boot()
        wait_until(lambda: {"firecracker", "fc_vcpu 0"} <= set(self.monitor.threads()), lambda: f"{self.monitor.threads()}")

    def test_failed_start_can_be_corrected(self):
        self.start()
        self.refused(self.api.action("InstanceStart"),
                     "Start microvm error: Cannot start microvm without kernel configuration.")
        self.configure(mem_size_mib=2**44 - 1)
        self.refused(self.api.action("InstanceStart"),
                     "Start microvm error: Invalid Memory Configuration: Cannot create mmap region: Out of memory (os error 12)")
        self.done(self.api.put("/machine-config", {"vcpu_count": 1, "mem_size_mib": 32, "cpu_template": "T2"}))
        self.refused(self.api.action("InstanceStart"),
                     "Start microvm error: Failed to get CPU template: The current CPU model is not permitted to apply the "
                     "CPU template.")
        self.done(self.api.put("/machine-config", {"vcpu_count": 1, "mem_size_mib": 32, "cpu_template": "None"}))
        self.done(self.api.put("/boot-source", {"kernel_image_path": self.file("text", "no kernel")}))
        response = self.api.action("InstanceStart")
        self.assertTrue(response.fault.startswith("Start microvm error: System configuration error: Cannot load kernel due to "
                                                  "invalid memory configuration or invalid kernel image: "), response)
        self.assertEqual(self.state(), "Not started")
        self.done(self.api.put("/boot-source", {"kernel_image_path": self.kernel()}))
        descriptors = self.monitor.descriptors()
        self.done(self.api.action("InstanceStart"))
        self.assertGreater(self.monitor.descriptors(), descriptors)

    def test_too_many_devices(self):
        self.start()
        self.configure()
        for number in range(18):
            self.done(self.api.put(f"/drives/d{number}", {"drive_id": f"d{number}", "is_root_device": False,
                                                          "path_on_host": self.disk()}))
        response = self.api.action("InstanceStart")
        self.assertIn("Could not allocate GSI: The requested resource is not available.", response.fault)

    def test_reset_ends_with_status_0(self):
        self.boot(code=tiny_guest.HELLO_THEN_RESET)
        self.assertEqual(self.monitor.ended(), 0)
        self.assertIn("hello\n", self.monitor.output())
        self.assertIn("Firecracker exiting successfully. exit_code=0", self.monitor.output())

    def test_triple_fault_ends_with_status_1(self):
        self.boot(code=tiny_guest.TRIPLE_FAULT)
        self.assertEqual(self.monitor.ended(), 1)
        self.assertIn("exit_code=1", self.monitor.output())

    def test_boot_timer(self):
        self.boot("--boot-timer", code=tiny_guest.BOOT_TIMER)
        self.monitor.wait_for_output("Guest-boot-time = ")
        self.assertRegex(self.monitor.output(), r"Guest-boot-time = +\d+ us \d+ ms, +\d+ CPU us \d+ CPU ms")

    def test_serial_to_a_file(self):
        self.start()
        self.done(self.api.put("/serial", {"serial_out_path": self.path("serial")}))
        self.configure(tiny_guest.HELLO_THEN_RESET)
        self.done(self.api.action("InstanceStart"))
        self.assertEqual(self.monitor.ended(), 0)
        with open(self.path("serial"), encoding="ascii") as file:
            self.assertEqual(file.read(), "hello\n")

    def test_full_serial_output_blocks_nobody(self):
        os.mkfifo(self.path("serial"))
        self.start()
        self.done(self.api.put("/serial", {"serial_out_path": self.path("serial")}))
        self.configure(tiny_guest.FLOOD)
        self.done(self.api.action("InstanceStart"))
        dropped = 'mayfly_uart_missed_write_count_total{id="test"} 0'
        wait_until(lambda: dropped not in self.api.get("/metrics").body.decode(), "bytes dropped", timeout_s=60)
        self.assertEqual(self.state(), "Running")

    def test_config_file(self):
        config = {"machine-config": {"vcpu_count": 1, "mem_size_mib": 32}, "drives": [],
                  "boot-source": {"kernel_image_path": self.kernel(tiny_guest.HELLO_THEN_RESET)}, "balloon": None, "pmem": [],
                  "unknown": 1}
        monitor = self.launch("--config-file", self.file("config", config), "--no-api")
        self.assertEqual(monitor.ended(), 0, monitor.said())
        self.assertIn("Successfully started microvm that was configured from one single json", monitor.output())
        self.assertIn("hello\n", monitor.output())

    def test_wrong_config_files(self):
        kernel = {"kernel_image_path": self.kernel()}
        for config, message in (
                ("{", "EOF while parsing an object at line 1 column 1"), ({"drives": []}, "missing field `boot-source`"),
                ({"boot-source": kernel}, "missing field `drives`"),
                ({"drives": [], "boot-source": kernel, "vsock": {"guest_cid": 3}},
                 "The requested operation is not supported: virtio-vsock device."),
                ({"drives": [{"drive_id": "a", "is_root_device": True, "path_on_host": "/none"}], "boot-source": kernel},
                 "Drive config error: "),
                ({"drives": [], "boot-source": kernel, "machine-config": {"vcpu_count": 0, "mem_size_mib": 1}},
                 "Machine config error: ")):
            monitor = self.launch("--config-file", self.file("config", config), "--no-api")
            self.assertEqual(monitor.ended(), 1, monitor.said())
            self.assertIn(message, monitor.errors())
            self.assertEqual(len(monitor.errors().splitlines()), 1, monitor.errors())
            os.unlink(monitor.errors_path)
        monitor = self.launch("--config-file", "/none", "--no-api")
        self.assertEqual(monitor.ended(), 1)

    def test_config_of_a_vm_makes_the_same_vm(self):
        self.start()
        self.configure(vcpus=2)
        self.done(self.api.patch("/machine-config", {"smt": True, "track_dirty_pages": True}))
        self.done(self.api.put("/drives/a", {
            "drive_id": "a", "is_root_device": False, "path_on_host": self.disk(), "discard": True, "blk_size": 4096,
            "num_queues": 2, "rate_limiter": {"bandwidth": {"size": 9, "one_time_burst": 3, "refill_time": 7}},
            "topology": {"physical_block_exp": 1, "alignment_offset": 0, "min_io_size": 1, "opt_io_size": 8}}))
        self.done(self.api.put("/drives/root", {"drive_id": "root", "is_root_device": True, "path_on_host": self.disk("r"),
                                                "partuuid": "0eaa91a0-01", "cache_type": "Writeback", "io_engine": "Async"}))
        self.done(self.api.put("/cpu-config", {"cpuid_modifiers": [{"leaf": "0x1", "subleaf": "0x0", "flags": 0, "modifiers": [
            {"register": "ecx", "bitmap": "0bx"}]}]}))
        self.done(self.api.action("InstanceStart"))
        config = self.found(self.api.get("/vm/config"))
        self.monitor.stop()
        monitor = self.launch("--config-file", self.file("config", config), api_sock=self.path("second"))
        monitor.wait_for_socket()
        with Api(monitor.socket_path).connection as connection:
            self.assertEqual(connection.request("GET", "/vm/config").json(), config)
            self.assertEqual(connection.request("GET", "/").json()["state"], "Running")
        monitor.stop()
        os.unlink(monitor.output_path)
        monitor = self.launch("--config-file", self.file("config", config), "--no-api")
        monitor.wait_for_output("Successfully started microvm that was configured from one single json")

    def test_metadata_from_a_file(self):
        self.start("--metadata", self.file("metadata", {"a": "b"}))
        self.assertEqual(self.found(self.api.get("/mmds")), {"a": "b"})
        self.monitor.stop()
        os.unlink(self.monitor.socket_path)
        for content in ("no json", "[]"):
            monitor = self.launch("--metadata", self.file("metadata", content))
            self.assertEqual(monitor.ended(), 1)
            os.unlink(monitor.socket_path)

    def test_answers_are_sent_before_the_end(self):
        self.start()
        self.configure(tiny_guest.HELLO_THEN_RESET)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.monitor.socket_path)
            body = b'{"action_type":"InstanceStart"}'
            client.sendall(b"PUT /actions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 204 "))
        self.assertEqual(self.monitor.ended(), 0)


if __name__ == "__main__":
    main()
