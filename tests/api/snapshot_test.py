"""A VM's life through snapshots, as clients and the command line make and load them."""

import json
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from client import wait_until  # noqa: E402
from monitor import AFTER_START, BEFORE_START, main  # noqa: E402
from snapshots import ID_AT, LOAD_ERROR, MEMORY_MIB, VM_CLOCK_AT, SnapshotTest, run_program  # noqa: E402
import tiny_guest  # noqa: E402

CONFIGURED = LOAD_ERROR + "Loading a microVM snapshot not allowed after configuring boot-specific resources."
RESTORES = int(os.environ.get("MAYFLY_RESTORES", "50"))


class LifeTest(SnapshotTest):
    def test_restored_and_origin_both_go_on(self):
        origin, snapshot = self.booted(), self.snapshot()
        count = self.pause(origin)
        self.save(origin, snapshot)
        self.assertEqual(self.found(origin.api.get("/"))["state"], "Paused")
        restored = self.loaded(snapshot)
        self.assertEqual(self.found(restored.api.get("/"))["state"], "Running")
        self.goes_on(restored, count)
        # From where it was, and not from the start.
        first = restored.monitor.output()
        numbers = [line for line in first.split("\n") if re.fullmatch("[a-p]{8}", line)]
        self.assertLessEqual(abs(tiny_guest.last_count(numbers[0] + "\n") - count), 2)
        self.assertEqual(origin.count(), count)
        self.resume(origin)
        self.goes_on(origin, count)
        self.no_leftovers(snapshot.folder)

    def test_loaded_without_resume_is_paused(self):
        snapshot, count = self.saved()
        vm = self.loaded(snapshot, resume=False)
        self.assertEqual(self.found(vm.api.get("/"))["state"], "Paused")
        self.assertTrue(vm.api.connection.is_silent(0.3))
        self.assertEqual(vm.count(), 0)
        self.resume(vm)
        self.goes_on(vm, count)

    def test_snapshot_of_one_that_never_ran_here(self):
        snapshot, count = self.saved()
        vm = self.loaded(snapshot, resume=False)
        second = self.snapshot("second")
        self.save(vm, second)
        vm.end()
        # VMClock's page and VMGenID say to the guest that it was restored.
        first, then = snapshot.memory_bytes(), second.memory_bytes()
        self.assertEqual(first[:VM_CLOCK_AT], then[:VM_CLOCK_AT])
        self.assertEqual(first[ID_AT + 32:], then[ID_AT + 32:])
        self.assertNotEqual(first[ID_AT + 16:ID_AT + 32], then[ID_AT + 16:ID_AT + 32])
        self.check_good(second, count)

    def test_generations(self):
        snapshot, count = self.saved(code=tiny_guest.WRITE_PAGES)
        for generation in range(5):
            vm = self.loaded(snapshot)
            self.goes_on(vm, count)
            count = self.pause(vm)
            snapshot = self.snapshot(f"generation{generation}")
            self.save(vm, snapshot)
            vm.end()
        self.check_good(snapshot, count)

    def test_two_processors(self):
        snapshot, count = self.saved(vcpu_count=2)
        vm = self.loaded(snapshot)
        self.goes_on(vm, count)
        self.assertIn("fc_vcpu 1", vm.monitor.threads())

    def test_a_running_vm_is_not_saved(self):
        vm, snapshot = self.booted(), self.snapshot()
        self.refused(vm.api.put("/snapshot/create", snapshot.creation()),
                     "Create snapshot error: Cannot create snapshot: save/restore unavailable while running")
        self.assertEqual(os.listdir(snapshot.folder), [])
        self.goes_on(vm)
        new = self.vm()
        self.refused(new.api.put("/snapshot/create", snapshot.creation()), BEFORE_START)
        self.assertTrue(new.monitor.is_running())

    def test_load_into_a_configured_vm(self):
        snapshot, _ = self.saved()
        kernel = {"kernel_image_path": self.kernel()}
        for target, body, status in (
                ("/machine-config", {"vcpu_count": 1, "mem_size_mib": 64}, 204), ("/boot-source", kernel, 204),
                ("/drives/a", {"drive_id": "a", "is_root_device": False, "path_on_host": self.disk()}, 204),
                # One that failed counts as well.
                ("/boot-source", {"kernel_image_path": "/none"}, 400),
                ("/network-interfaces/a", {"iface_id": "a", "host_dev_name": "x" * 20}, None)):
            with self.subTest(target, body=body):
                vm = self.vm()
                response = vm.api.put(target, body)
                self.assertIn(response.status, (status,) if status else (204, 400), response)
                self.load_fails(snapshot, CONFIGURED, vm)

    def test_load_after_what_is_no_configuration(self):
        snapshot, count = self.saved()
        vm = self.vm()
        for target, body in (("/logger", {"level": "Info"}), ("/metrics", {"metrics_path": self.path("metrics")}),
                             ("/serial", {"serial_out_path": self.path("serial")}), ("/mmds", {"a": 1})):
            self.done(vm.api.put(target, body))
        self.done(vm.api.put("/snapshot/load", snapshot.loading()))
        wait_until(lambda: self.serial_count() > count, "guest that goes on")
        self.assertEqual(self.found(vm.api.get("/mmds")), {"a": 1})

    def test_load_twice(self):
        snapshot, count = self.saved()
        vm = self.loaded(snapshot)
        self.refused(vm.api.put("/snapshot/load", snapshot.loading()), AFTER_START)
        self.goes_on(vm, count)

    def test_deprecated_fields(self):
        snapshot, count = self.saved()
        vm = self.vm()
        response = self.done(vm.api.put("/snapshot/load", {"snapshot_path": snapshot.state, "resume_vm": True,
                                                           "mem_file_path": snapshot.memory}))
        self.assertEqual(response.header("Deprecation"), "true")
        self.goes_on(vm, count)
        vm = self.vm()
        response = self.done(vm.api.put("/snapshot/load", snapshot.loading(enable_diff_snapshots=True)))
        self.assertEqual(response.header("Deprecation"), "true")
        self.assertTrue(self.found(vm.api.get("/machine-config"))["track_dirty_pages"])

    def test_times(self):
        vm = self.vm("--metrics-path", self.path("metrics"))
        self.booted(vm=vm, track_dirty_pages=True)
        snapshot = self.snapshot()
        self.pause(vm)
        self.save(vm, snapshot)
        self.save(vm, self.snapshot("diff"), "Diff")
        self.done(vm.api.action("FlushMetrics"))
        with open(self.path("metrics"), encoding="ascii") as file:
            times = json.loads(file.read().splitlines()[-1])["latencies_us"]
        for name in ("full_create_snapshot", "diff_create_snapshot", "pause_vm"):
            self.assertGreater(times[name], 0, name)
            self.assertGreaterEqual(times[name], times[f"vmm_{name}"], name)
            self.assertGreater(times[f"vmm_{name}"], 0, name)
        self.assertEqual(times["load_snapshot"], 0)
        vm = self.loaded(snapshot, ("--metrics-path", self.path("load-metrics")))
        self.done(vm.api.action("FlushMetrics"))
        with open(self.path("load-metrics"), encoding="ascii") as file:
            times = json.loads(file.read().splitlines()[-1])["latencies_us"]
        self.assertGreater(times["vmm_load_snapshot"], 0)
        self.assertGreaterEqual(times["load_snapshot"], times["vmm_load_snapshot"])

    def test_restores_in_a_loop(self):
        snapshot, count = self.saved()
        descriptors, here = set(), len(os.listdir("/proc/self/fd"))
        for _ in range(RESTORES):
            vm = self.loaded(snapshot)
            self.goes_on(vm, count, by=1)
            descriptors.add(vm.monitor.descriptors())
            vm.end()
            shutil.rmtree(vm.monitor.folder)
        self.assertEqual(len(descriptors), 1, descriptors)
        self.assertEqual(len(os.listdir("/proc/self/fd")), here)
        self.assertEqual(sorted(os.listdir(snapshot.folder)), ["memory", "state"])

    def test_saving_in_a_loop_leaks_nothing(self):
        vm, snapshot = self.booted(track_dirty_pages=True), self.snapshot()
        count, descriptors, resident = 0, set(), []
        for number in range(30):
            self.goes_on(vm, count, by=1)
            count = self.pause(vm)
            self.save(vm, snapshot, "Diff" if number % 3 else "Full")
            self.resume(vm)
            descriptors.add(vm.monitor.descriptors())
            resident.append(vm.monitor.status_kib("VmRSS"))
        self.assertEqual(len(descriptors), 1, descriptors)
        self.assertLess(resident[-1] - resident[5], 1024)
        vm.end()
        self.check_good(snapshot, count)


class CommandLineTest(SnapshotTest):
    def test_restore_of_a_folder(self):
        snapshot, count = self.saved()
        vm = self.vm("--restore", snapshot.folder)
        self.goes_on(vm, count)
        self.assertEqual(self.found(vm.api.get("/"))["state"], "Running")
        vm.end()
        vm = self.vm("--restore", snapshot.folder, "--no-api")
        self.goes_on(vm, count)
        self.assertEqual(len([name for name in os.listdir(vm.monitor.folder) if name.endswith("socket")]), 0)

    def test_restore_of_a_request(self):
        snapshot, count = self.saved()
        # Resumed in any case.
        request = self.file("request.json", snapshot.loading(resume=False, mmds={"a": 1},
                                                             serial_out_path=self.path("serial")))
        vm = self.vm("--restore", request)
        wait_until(lambda: self.serial_count() > count, "guest that goes on")
        self.assertEqual(self.found(vm.api.get("/mmds")), {"a": 1})
        vm.end()
        vm = self.vm("--restore", self.file("request.json", snapshot.loading()), "--no-api")
        self.goes_on(vm, count)

    def test_restore_that_fails(self):
        snapshot, _ = self.saved()
        empty = self.snapshot("empty")
        for what, words in (
                (empty.folder, ("Failed to open snapshot file: No such file or directory (os error 2)", empty.state)),
                ("/none", ("/none/state",)),
                (self.file("no.json", "{"), ("no.json", "EOF")),
                (self.file("neither.json", {"snapshot_path": "s"}), ("missing field: either `mem_backend` or",)),
                (self.file("gone.json", {**snapshot.loading(), "mem_backend": {"backend_path": "/none", "backend_type": "File"}}),
                 ("No such file or directory (os error 2)", "/none"))):
            for flags in ((), ("--no-api",)):
                with self.subTest(what, flags=flags):
                    monitor = self.launch("--restore", what, *flags)
                    self.assertEqual(monitor.ended(), 1, monitor.said())
                    errors = monitor.errors()
                    self.assertEqual(len(errors.splitlines()), 1, errors)
                    for word in words:
                        self.assertIn(word, errors)
                    os.unlink(monitor.errors_path)
                    if os.path.exists(monitor.socket_path):
                        os.unlink(monitor.socket_path)
        result = run_program("--restore", "a", "--config-file", "b", "--api-sock", self.path("none"))
        self.assertEqual(result.returncode, 153, result)
        self.assertIn("Argument 'restore' cannot be used together with argument 'config-file'.", result.stderr)

    def test_description(self):
        origin = self.booted(vcpu_count=2, before=[
            ("/drives/disk", {"drive_id": "disk", "is_root_device": False, "path_on_host": self.disk()})])
        snapshot = self.snapshot()
        self.pause(origin)
        self.save(origin, snapshot)
        result = run_program("--describe-snapshot", snapshot.state)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        description = json.loads(result.stdout)
        self.assertEqual(description["memory_bytes"], MEMORY_MIB << 20)
        self.assertEqual(description["memory_regions"], [{"start": "0", "size_bytes": MEMORY_MIB << 20}])
        self.assertEqual(len(description["vcpus"]), 2)
        self.assertEqual([disk["id"] for disk in description["disks"]], ["disk"])
        self.assertEqual(description["networks"], [])
        self.assertEqual(description["config"], self.found(origin.api.get("/vm/config")))
        version = run_program("--snapshot-version")
        self.assertEqual((version.returncode, version.stderr), (0, ""))
        self.assertEqual(version.stdout, f"v{description['version']}\n")
        self.assertRegex(version.stdout, r"^v\d+\.\d+\.\d+\n$")
        with open(snapshot.memory, "rb") as file:
            file.seek(ID_AT)
            identity = int.from_bytes(file.read(16), "little")
        self.assertEqual(description["id"], f"{identity:032x}")

    def test_description_of_what_is_none(self):
        for path, word in ((self.file("empty"), "too short"), (self.file("text", "x" * 100), "not a snapshot state file"),
                           ("/none", "No such file or directory"), (self.folder, self.folder),
                           ("/dev/zero", "/dev/zero")):
            result = run_program("--describe-snapshot", path)
            self.assertEqual((result.returncode, result.stdout), (1, ""), result)
            self.assertEqual(len(result.stderr.splitlines()), 1, result)
            self.assertIn(word, result.stderr)


if __name__ == "__main__":
    main()
