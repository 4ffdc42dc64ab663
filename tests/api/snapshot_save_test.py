"""Snapshots of differences, and saving that fails, is killed or ended: what is lost, and what is left behind."""

import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from client import Connection, encode, wait_until  # noqa: E402
from monitor import main, needs_root  # noqa: E402
from snapshots import MEMORY_ERROR, MEMORY_MIB, NOT_TOGETHER, SnapshotTest  # noqa: E402
import tiny_guest  # noqa: E402

NO_ROOM = "No space left on device"
KILLS = int(os.environ.get("MAYFLY_KILLS", "15"))


class DiffTest(SnapshotTest):
    def check_chain(self, vm):
        """Five differences, each merged onto what was before, against a full snapshot of the same moment."""
        chain, full = self.snapshot("chain"), self.snapshot("full")
        count = self.pause(vm)
        self.save(vm, chain)
        for number in range(5):
            self.resume(vm)
            self.goes_on(vm, count, by=7)
            count = self.pause(vm)
            self.save(vm, chain, "Diff")
            self.assertEqual(os.path.getsize(chain.memory), MEMORY_MIB << 20)
        self.save(vm, full)
        self.assertEqual(chain.memory_bytes(), full.memory_bytes())
        vm.end()
        for snapshot in (chain, full):
            self.check_good(snapshot, count)
        self.no_leftovers(chain.folder)

    def test_chain_with_tracking(self):
        self.check_chain(self.booted(tiny_guest.WRITE_PAGES, track_dirty_pages=True))

    def test_chain_without_tracking(self):
        self.check_chain(self.booted(tiny_guest.WRITE_PAGES))

    def test_chain_of_a_restored_vm_with_tracking(self):
        snapshot, _ = self.saved(code=tiny_guest.WRITE_PAGES)
        self.check_chain(self.loaded(snapshot, track_dirty_pages=True))

    def test_chain_of_a_restored_vm_without_tracking(self):
        snapshot, _ = self.saved(code=tiny_guest.WRITE_PAGES)
        self.check_chain(self.loaded(snapshot))

    def test_first_difference_is_complete(self):
        vm = self.booted(tiny_guest.WRITE_PAGES, track_dirty_pages=True)
        count = self.pause(vm)
        diff, full = self.snapshot("diff"), self.snapshot("full")
        self.save(vm, diff, "Diff")
        self.save(vm, full)
        self.assertEqual(diff.memory_bytes(), full.memory_bytes())
        vm.end()
        self.check_good(diff, count)

    def test_difference_is_small(self):
        vm = self.booted(track_dirty_pages=True)
        self.pause(vm)
        self.save(vm, self.snapshot("base"))
        self.resume(vm)
        self.goes_on(vm)
        self.pause(vm)
        diff = self.snapshot("diff")
        self.save(vm, diff, "Diff")
        self.assertLess(os.stat(diff.memory).st_blocks * 512, 256 << 10)
        self.assertEqual(os.path.getsize(diff.memory), MEMORY_MIB << 20)

    def test_no_dirty_page_is_lost_by_a_failure(self):
        vm = self.booted(tiny_guest.WRITE_PAGES, track_dirty_pages=True)
        count = self.pause(vm)
        chain, full = self.snapshot("chain"), self.snapshot("full")
        self.save(vm, chain)
        self.resume(vm)
        self.goes_on(vm, count, by=20)
        count = self.pause(vm)
        for broken in ({"snapshot_path": "/none/state"}, {"mem_file_path": "/none/memory"}):
            response = vm.api.put("/snapshot/create", {**chain.creation("Diff"), **broken})
            self.refused(response, "Create snapshot error: Cannot create snapshot: "
                         f"{next(iter(broken.values()))}: open: No such file or directory")
        self.save(vm, chain, "Diff")
        self.save(vm, full)
        self.assertEqual(chain.memory_bytes(), full.memory_bytes())

    def test_onto_the_files_that_back_the_vm(self):
        snapshot, count = self.saved(code=tiny_guest.WRITE_PAGES)
        vm = self.loaded(snapshot, track_dirty_pages=True)
        for kind in ("Full", "Diff", "Diff", "Full"):
            self.goes_on(vm, count)
            count = self.pause(vm)
            self.save(vm, snapshot, kind)
            self.resume(vm)
            self.check_good(snapshot, count)
        self.goes_on(vm, count)


class SaveTest(SnapshotTest):
    def walked(self, **options):
        """A VM whose snapshot has 8 MiB."""
        vm = self.booted(tiny_guest.WRITE_PAGES, **options)
        self.goes_on(vm, 0, by=130)
        return vm

    def fill(self, folder):
        fd = os.open(os.path.join(folder, "filler"), os.O_WRONLY | os.O_CREAT)
        self.addCleanup(os.close, fd)
        with self.assertRaises(OSError):
            while os.write(fd, bytes(4096)):
                pass

    @needs_root
    def test_disk_full(self):
        folder = self.tmpfs(4096)
        vm = self.booted(track_dirty_pages=True)
        old = self.snapshot("tmpfs/old")
        count = self.pause(vm)
        self.save(vm, old)
        vm.end()
        vm = self.walked()
        for names in ({}, {"snapshot_path": self.path("state")}, {"mem_file_path": self.path("memory")}):
            if "mem_file_path" in names:
                self.fill(folder)
            before = self.pause(vm)
            body = {**old.creation(), **names}
            full = body["snapshot_path"] if "mem_file_path" in names else old.memory
            response = vm.api.put("/snapshot/create", body)
            self.refused(response, re.compile(
                f"Create snapshot error: Cannot create snapshot: {re.escape(full)}: .*{NO_ROOM}.*"))
            self.no_leftovers(old.folder)
            self.resume(vm)
            self.goes_on(vm, before)
        self.check_good(old, count)

    def create_in_background(self, vm, body):
        """Asks for a snapshot without waiting for the answer."""
        connection = Connection(vm.monitor.socket_path)
        self.addCleanup(connection.close)
        connection.send(encode("PUT", "/snapshot/create", body))
        return connection

    def test_killed_while_saving_beside(self):
        """The old snapshot has other paths: it is untouched."""
        old, count = self.saved("old", code=tiny_guest.WRITE_PAGES)
        new = self.snapshot("new")
        for number in range(KILLS):
            vm = self.loaded(old, resume=False)
            self.create_in_background(vm, new.creation())
            time.sleep(0.002 * number)
            vm.end()
            self.check_good(old, count)

    def test_killed_while_replacing(self):
        """The same paths: what is there is whole, the old or the new. Or, for some microseconds, a new memory file with an old
        state file, which a load tells."""
        snapshot, count = self.saved(code=tiny_guest.WRITE_PAGES)
        saved = snapshot.copy(self.path("saved"))
        torn = 0
        for number in range(KILLS):
            vm = self.loaded(snapshot)
            self.goes_on(vm, count)
            self.pause(vm)
            self.create_in_background(vm, snapshot.creation())
            time.sleep(0.002 * number)
            vm.end()
            vm = self.vm()
            response = vm.api.put("/snapshot/load", snapshot.loading())
            if response.status == 204:
                self.goes_on(vm, count)
            else:
                self.refused(response, f"{MEMORY_ERROR}Error creating guest memory from file: {NOT_TOGETHER} "
                             f"({snapshot.memory})")
                torn += 1
                saved.copy(snapshot.folder)
            vm.end()
        self.assertLessEqual(torn, 1)
        # Whoever saves next removes what the killed ones left.
        vm = self.loaded(snapshot)
        self.pause(vm)
        self.save(vm, snapshot)
        self.no_leftovers(snapshot.folder)

    def test_ended_while_saving(self):
        for number in range(8):
            vm, snapshot = self.loaded_walker(), self.snapshot(f"s{number}")
            self.create_in_background(vm, snapshot.creation())
            wait_until(lambda: os.listdir(snapshot.folder), "file that is written", timeout_s=5)
            self.assertEqual(vm.monitor.stop(signal.SIGTERM), -signal.SIGTERM)
            self.no_leftovers(snapshot.folder)

    def loaded_walker(self):
        if not os.path.exists(self.path("snapshot/state")):
            self.walker, _ = self.saved(code=tiny_guest.WRITE_PAGES)
        return self.loaded(self.walker, resume=False)

    def test_other_requests_are_served_meanwhile(self):
        vm, snapshot = self.walked(), self.snapshot()
        self.pause(vm)
        connection = self.create_in_background(vm, snapshot.creation())
        self.assertEqual(self.found(vm.api.get("/"))["state"], "Paused")
        self.done(connection.response())
        self.resume(vm)
        self.goes_on(vm)

    def test_paths_that_are_no_place_for_a_file(self):
        vm = self.booted()
        self.pause(vm)
        good = self.snapshot().creation()
        for name in ("snapshot_path", "mem_file_path"):
            for path in ("", "/none/file", self.folder, "/dev/null", "/proc/none"):
                with self.subTest(name, path=path):
                    self.refused(vm.api.put("/snapshot/create", {**good, name: path}),
                                 re.compile(f"Create snapshot error: Cannot create snapshot: {re.escape(path)}: .*"))
        self.assertEqual(os.listdir(self.path("snapshot")), [])
        self.save(vm, self.snapshot())


if __name__ == "__main__":
    main()
