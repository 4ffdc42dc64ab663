"""What a configured machine does: keys pressed, disks and limits as asked for, and how fields of requests work together."""

import os
import re
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from client import wait_until  # noqa: E402
from monitor import MAYFLY, VERSION, ApiTest, main, needs_kvm  # noqa: E402
import tiny_guest  # noqa: E402

DEFAULT_SOCKET = "/run/firecracker.socket"
TEMPLATE_REFUSED = ("Start microvm error: Failed to get CPU template: The current CPU model is not permitted to apply the CPU "
                    "template.")


class ConfigurationTest(ApiTest):
    """Before the start."""

    def setUp(self):
        super().setUp()
        self.start()

    def drive(self, name="a", **fields):
        return {"drive_id": name, "is_root_device": False, "path_on_host": self.disk(), **fields}

    def config(self, part):
        return self.found(self.api.get("/vm/config"))[part]

    def test_patch_keeps_what_put_resets(self):
        self.done(self.api.put("/machine-config", {"vcpu_count": 4, "mem_size_mib": 64, "smt": True, "huge_pages": "2M"}))
        self.done(self.api.patch("/machine-config", {"track_dirty_pages": True}))
        machine = {"vcpu_count": 4, "mem_size_mib": 64, "smt": True, "track_dirty_pages": True, "huge_pages": "2M"}
        self.assertEqual(self.found(self.api.get("/machine-config")), machine)
        self.assertEqual(list(self.found(self.api.get("/machine-config"))), list(machine))
        self.done(self.api.put("/machine-config", {"vcpu_count": 2, "mem_size_mib": 65}))
        self.assertEqual(self.found(self.api.get("/machine-config")), {
            "vcpu_count": 2, "mem_size_mib": 65, "smt": False, "track_dirty_pages": False, "huge_pages": "None"})

    def test_refused_change_changes_nothing(self):
        self.done(self.api.put("/machine-config", {"vcpu_count": 3, "mem_size_mib": 65}))
        before = self.found(self.api.get("/machine-config"))
        for change in ({"smt": True}, {"huge_pages": "2M"}, {"mem_size_mib": 0}, {"vcpu_count": 0, "mem_size_mib": 10}):
            with self.subTest(change=change):
                self.assertEqual(self.api.patch("/machine-config", change).status, 400)
                self.assertEqual(self.found(self.api.get("/machine-config")), before)

    def test_template_is_taken_back_by_none(self):
        self.done(self.api.patch("/machine-config", {"cpu_template": "T2"}))
        self.assertEqual(self.found(self.api.get("/machine-config"))["cpu_template"], "T2")
        self.done(self.api.patch("/machine-config", {"cpu_template": "None"}))
        self.assertNotIn("cpu_template", self.found(self.api.get("/machine-config")))

    def test_keys_of_a_drive(self):
        self.done(self.api.put("/drives/a", self.drive()))
        self.assertEqual(self.config("drives"), [
            {"drive_id": "a", "partuuid": None, "is_root_device": False, "cache_type": "Unsafe", "is_read_only": False,
             "path_on_host": self.path("disk"), "rate_limiter": None, "io_engine": "Sync", "socket": None}])

    def test_limits_are_reported_as_they_were_given(self):
        bucket = {"size": 10, "one_time_burst": 0, "refill_time": 100}
        shown = {"size": 10, "one_time_burst": None, "refill_time": 100}
        for given, expected in (({"ops": bucket}, {"bandwidth": None, "ops": shown}),
                                ({"bandwidth": {**bucket, "one_time_burst": 7}},
                                 {"bandwidth": {**bucket, "one_time_burst": 7}, "ops": None}),
                                ({"ops": {**bucket, "size": 0}}, None), ({"ops": {**bucket, "refill_time": 0}}, None),
                                ({}, None), (None, None)):
            with self.subTest(given=given):
                self.done(self.api.put("/drives/a", self.drive(rate_limiter=given)))
                self.assertEqual(self.config("drives")[0]["rate_limiter"], expected)

    def test_files_that_cannot_serve_as_disks(self):
        error = "Drive config error: Unable to create the virtio block device: "
        for path in (self.folder, "/dev/null", ""):
            with self.subTest(path=path):
                self.refused(self.api.put("/drives/a", self.drive(path_on_host=path)), re.compile(re.escape(error) + ".+"))
        self.assertEqual(self.config("drives"), [])

    def test_refused_replacement_leaves_the_drive(self):
        self.done(self.api.put("/drives/a", self.drive()))
        self.assertEqual(self.api.put("/drives/a", self.drive(path_on_host="/nothing")).status, 400)
        self.assertEqual(self.config("drives")[0]["path_on_host"], self.path("disk"))

    def test_size_limit_of_metadata(self):
        text = "MMDS limit exceeded error: The MMDS patch request doesn't fit."
        # Measured as it is written out, without white space.
        fits = '{"a": "%s"}' % ("x" * (51200 - len('{"a":""}') - 1))
        self.done(self.api.put("/mmds", fits))
        self.done(self.api.patch("/mmds", {"a": "y"}))
        self.done(self.api.put("/mmds", fits))
        self.refused(self.api.patch("/mmds", {"b": 1}), text, status=413)
        self.assertEqual(list(self.found(self.api.get("/mmds"))), ["a"])

    def test_smaller_limit_of_metadata(self):
        self.monitor.stop()
        os.unlink(self.monitor.socket_path)
        self.start("--mmds-size-limit", 20)
        self.assertEqual(self.api.put("/mmds", {"a": "x" * 20}).status, 413)
        self.done(self.api.put("/mmds", {"a": "x" * 12}))
        self.assertEqual(self.api.patch("/mmds", {"b": 1}).status, 413)

    def test_merge_of_metadata(self):
        for before, patch, after in (({"a": "b"}, {"a": "c"}, {"a": "c"}), ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
                                     ({"a": "b"}, {"a": None}, {}), ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
                                     ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
                                     ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}), ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
                                     ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}})):
            with self.subTest(before=before, patch=patch):
                self.done(self.api.put("/mmds", before))
                self.done(self.api.patch("/mmds", patch))
                self.assertEqual(self.found(self.api.get("/mmds")), after)


class StartTest(ApiTest):
    """Ways to start the program."""

    def test_no_argument_at_all(self):
        if os.geteuid() != 0:
            self.skipTest(f"only root can make {DEFAULT_SOCKET}")
        if os.path.exists(DEFAULT_SOCKET):
            self.skipTest(f"{DEFAULT_SOCKET} exists: its owner is not to be disturbed")
        self.addCleanup(os.unlink, DEFAULT_SOCKET)
        self.start("--no-seccomp", api_sock=DEFAULT_SOCKET, vm_id="")
        self.assertEqual(self.found(self.api.get("/"))["id"], "anonymous-instance")
        self.monitor.stop()
        os.unlink(DEFAULT_SOCKET)
        import subprocess
        with subprocess.Popen([MAYFLY], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            try:
                self.assertIn(f"Running Firecracker v{VERSION}".encode(), process.stdout.readline())
                wait_until(lambda: os.path.exists(DEFAULT_SOCKET), DEFAULT_SOCKET)
                self.assertIsNone(process.poll())
            finally:
                process.kill()

    def test_longest_path_of_a_socket(self):
        # Relative, as a path of the test's folder takes most of the 107 bytes.
        name = "s" * 107
        monitor = self.launch(api_sock=name, cwd=self.folder)
        wait_until(lambda: os.path.exists(self.path(name)), lambda: f"socket{monitor.said()}")
        monitor.stop()
        monitor = self.launch(api_sock=name + "s", cwd=self.folder)
        self.assertEqual(monitor.ended(), 1)
        self.assertIn("Failed to open the API socket at: ", monitor.errors())

    def test_two_monitors_do_not_share_a_socket(self):
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(self.path("api.socket"))
            monitor = self.launch()
            self.assertEqual(monitor.ended(), 1)
        self.assertIn("Check that it is not already used.", monitor.errors())

    def test_values_never_start_with_two_dashes(self):
        monitor = self.launch("--level", "--no-api")
        self.assertEqual(monitor.ended(), 153)
        self.assertIn("The argument 'level' requires a value, but none was supplied.", monitor.errors())

    def test_form_with_equals_is_refused(self):
        self.assertEqual(self.launch("--level=Info").ended(), 153)

    def test_flags_that_exclude_one_another(self):
        monitor = self.launch("--no-seccomp", "--seccomp-filter", self.file("filter"))
        self.assertEqual(monitor.ended(), 153)
        self.assertIn("Argument 'seccomp-filter' cannot be used together with argument 'no-seccomp'.", monitor.errors())


@needs_kvm
class RunningTest(ApiTest):
    """With a guest."""

    def test_ctrl_alt_del_reaches_the_guest(self):
        self.boot(code=tiny_guest.RESET_ON_DELETE)
        self.monitor.wait_for_output("ready")
        self.done(self.api.action("SendCtrlAltDel"))
        self.assertEqual(self.monitor.ended(), 0)

    def test_ctrl_alt_del_of_a_paused_guest_is_not_lost(self):
        self.boot(code=tiny_guest.RESET_ON_DELETE)
        self.monitor.wait_for_output("ready")
        self.done(self.api.patch("/vm", {"state": "Paused"}))
        self.done(self.api.action("SendCtrlAltDel"))
        self.assertEqual(self.state(), "Paused")
        self.done(self.api.patch("/vm", {"state": "Resumed"}))
        self.assertEqual(self.monitor.ended(), 0)

    def test_custom_template_and_static_one_replace_each_other(self):
        custom = {"kvm_capabilities": [], "cpuid_modifiers": [], "msr_modifiers": []}
        self.start()
        self.configure(tiny_guest.SPIN)
        self.done(self.api.put("/cpu-config", custom))
        self.done(self.api.patch("/machine-config", {"cpu_template": "T2"}))
        self.refused(self.api.action("InstanceStart"), TEMPLATE_REFUSED)
        self.done(self.api.put("/cpu-config", custom))
        self.assertNotIn("cpu_template", self.found(self.api.get("/machine-config")))
        self.done(self.api.action("InstanceStart"))

    def test_kernel_may_be_gone_after_it_was_named(self):
        self.start()
        self.configure(tiny_guest.HELLO_THEN_RESET)
        os.unlink(self.path("kernel"))
        self.done(self.api.action("InstanceStart"))
        self.assertEqual(self.monitor.ended(), 0)

    def test_command_line_of_the_user_is_shown_as_it_was(self):
        self.start()
        self.done(self.api.put("/boot-source", {"kernel_image_path": self.kernel(), "boot_args": "a=b  -- c"}))
        self.done(self.api.put("/machine-config", {"vcpu_count": 1, "mem_size_mib": 32}))
        self.done(self.api.action("InstanceStart"))
        self.assertEqual(self.found(self.api.get("/vm/config"))["boot-source"]["boot_args"], "a=b  -- c")

    def test_signals_to_a_running_machine(self):
        self.boot("--metrics-path", self.path("metrics"))
        for _ in range(20):
            self.monitor.process.send_signal(35)
            self.monitor.process.send_signal(signal.SIGPIPE)
        before = tiny_guest.last_count(self.monitor.output())
        wait_until(lambda: tiny_guest.last_count(self.monitor.output()) > before + 2, "progress of the guest")
        self.assertEqual(self.state(), "Running")
        self.assertEqual(self.monitor.stop(signal.SIGHUP), 156)

    def test_requests_while_the_guest_runs(self):
        """Pausing many times in a row, with requests in between, loses nothing."""
        self.boot()
        for _ in range(100):
            self.done(self.api.patch("/vm", {"state": "Paused"}))
            self.done(self.api.patch("/vm", {"state": "Resumed"}))
        before = tiny_guest.last_count(self.monitor.output())
        wait_until(lambda: tiny_guest.last_count(self.monitor.output()) > before, "progress of the guest")

    def test_disk_is_exchanged_many_times(self):
        self.start()
        self.configure()
        self.done(self.api.put("/drives/a", {"drive_id": "a", "is_root_device": False, "path_on_host": self.disk()}))
        self.done(self.api.action("InstanceStart"))
        descriptors = self.monitor.descriptors()
        for number in range(50):
            path = self.disk(f"disk{number % 3}", (number % 3) << 20)
            self.done(self.api.patch("/drives/a", {"drive_id": "a", "path_on_host": path}))
        self.assertEqual(self.monitor.descriptors(), descriptors)

    def loop_device(self, path):
        """The block device of a file."""
        made = subprocess.run(["losetup", "--find", "--show", path], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False)
        if made.returncode != 0:
            self.skipTest(f"no block device can be made here: {made.stderr.strip()}")
        device = made.stdout.strip()
        self.addCleanup(subprocess.run, ["losetup", "--detach", device], check=True)
        return device

    def test_block_device_takes_a_file_s_place(self):
        device = self.loop_device(self.disk("backing", 3 << 20))
        self.start()
        self.configure()
        self.done(self.api.put("/drives/a", {"drive_id": "a", "is_root_device": False, "path_on_host": self.disk()}))
        self.done(self.api.action("InstanceStart"))
        self.done(self.api.patch("/drives/a", {"drive_id": "a", "path_on_host": device}))
        opened = {os.readlink(f"/proc/{self.monitor.pid}/fd/{name}") for name in os.listdir(f"/proc/{self.monitor.pid}/fd")}
        self.assertIn(device, opened)
        self.assertNotIn(self.path("disk"), opened)

    def test_memory_beside_the_guest_is_small(self):
        self.boot(code=tiny_guest.SPIN)
        for _ in range(200):
            self.api.get("/vm/config")
        rss_kib = 0
        with open(f"/proc/{self.monitor.pid}/smaps", encoding="ascii") as file:
            size_kib = 0
            for line in file:
                name, _, rest = line.partition(":")
                if name == "Size":
                    size_kib = int(rest.split()[0])
                # The guest's own memory is the one mapping of its size.
                elif name == "Rss" and size_kib < 16 << 10:
                    rss_kib += int(rest.split()[0])
        self.assertLess(rss_kib, 5 << 10)


if __name__ == "__main__":
    main()
