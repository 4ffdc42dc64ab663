"""What a load may change of a saved VM, clones that do so side by side, and memory that a handler of page faults fills."""

import os
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from client import Connection, encode, wait_until  # noqa: E402
from monitor import ROOT, main, needs_root  # noqa: E402
from snapshots import MEMORY_ERROR, MEMORY_MIB, PageServer, SnapshotTest, userfault_hindrance  # noqa: E402
import tiny_guest  # noqa: E402

GONE = "No such file or directory (os error 2)"
CLONES = 8


class OverrideTest(SnapshotTest):
    def config_of(self, vm):
        return self.found(vm.api.get("/vm/config"))

    def with_drives(self):
        disks = [self.disk("one"), self.disk("two")]
        return self.booted(before=[
            (f"/drives/{name}", {"drive_id": name, "is_root_device": False, "path_on_host": disk,
                                 "rate_limiter": {"ops": {"size": 100, "refill_time": 1000}}})
            for name, disk in zip(("one", "two"), disks)])

    def test_configuration_is_that_of_the_origin(self):
        origin, snapshot = self.with_drives(), self.snapshot()
        self.pause(origin)
        self.save(origin, snapshot)
        config = self.config_of(origin)
        # The guest is past its kernel.
        os.unlink(self.path("kernel"))
        vm = self.loaded(snapshot)
        self.assertEqual(self.config_of(vm), config)

    def test_drives(self):
        origin, snapshot = self.with_drives(), self.snapshot()
        self.pause(origin)
        self.save(origin, snapshot)
        config = self.config_of(origin)
        origin.end()
        os.unlink(self.path("two"))
        other = self.disk("other")
        limiter = {"bandwidth": {"size": 1000, "refill_time": 10}}
        vm = self.loaded(snapshot, drive_overrides=[{"drive_id": "two", "path_on_host": other},
                                                    {"drive_id": "one", "rate_limiter": limiter}])
        now = self.config_of(vm)
        self.assertEqual([drive["path_on_host"] for drive in now["drives"]], [self.path("one"), other])
        self.assertEqual(now["drives"][0]["rate_limiter"]["bandwidth"]["size"], 1000)
        self.assertEqual(now["drives"][1]["rate_limiter"], config["drives"][1]["rate_limiter"])
        for part in config:
            if part != "drives":
                self.assertEqual(now[part], config[part], part)
        links = [os.readlink(f"/proc/{vm.monitor.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{vm.monitor.pid}/fd")]
        self.assertIn(other, links)

    def test_serial_output_and_metadata(self):
        snapshot, count = self.saved()
        contents = {"latest": {"meta-data": {"name": "clone \u00e9", "numbers": [1, 2.5, None]}}}
        vm = self.loaded(snapshot, serial_out_path=self.path("serial"), mmds=contents)
        wait_until(lambda: self.serial_count() > count, "guest that goes on")
        self.assertEqual(vm.count(), 0)
        self.assertEqual(self.found(vm.api.get("/mmds")), contents)

    @needs_root
    def test_network(self):
        sys.path.insert(0, os.path.join(ROOT, "tests/linux"))
        import network
        net = network.Network(taps=2)
        self.addCleanup(net.delete)
        interface = {"iface_id": "eth0", "host_dev_name": "tap0", "guest_mac": "06:00:ac:10:00:02"}
        origin = self.booted(before=[("/network-interfaces/eth0", interface),
                                     ("/mmds/config", {"network_interfaces": ["eth0"], "version": "V2"})],
                             vm=self.vm(launcher=net.launcher))
        snapshot = self.snapshot()
        count = self.pause(origin)
        self.save(origin, snapshot)
        config = self.config_of(origin)
        # The origin still has tap0.
        vm = self.vm(launcher=net.launcher)
        self.done(vm.api.put("/snapshot/load", snapshot.loading(network_overrides=[
            {"iface_id": "eth0", "host_dev_name": "tap1", "guest_mac": "06:00:ac:10:00:03",
             "tx_rate_limiter": {"ops": {"size": 5, "refill_time": 100}}}])))
        now = self.config_of(vm)
        card = now["network-interfaces"][0]
        self.assertEqual((card["host_dev_name"], card["guest_mac"]), ("tap1", "06:00:ac:10:00:03"))
        self.assertEqual(card["tx_rate_limiter"]["ops"]["size"], 5)
        self.assertEqual(now["mmds-config"], config["mmds-config"])
        self.goes_on(vm, count)
        origin.end()
        vm.end()
        # Without an override it is the one that was saved.
        vm = self.vm(launcher=net.launcher)
        self.done(vm.api.put("/snapshot/load", snapshot.loading()))
        self.assertEqual(self.config_of(vm), config)

    def test_clones_side_by_side(self):
        snapshot, count = self.saved()
        clones = [self.vm() for _ in range(CLONES)]
        failures = []

        def load(number, vm):
            response = vm.api.put("/snapshot/load", snapshot.loading(
                serial_out_path=self.path(f"serial{number}"), mmds={"clone": number}))
            if response.status != 204:
                failures.append(response)

        threads = [threading.Thread(target=load, args=pair) for pair in enumerate(clones)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        for number, vm in enumerate(clones):
            wait_until(lambda name=f"serial{number}": self.serial_count(name) > count + 2, f"clone {number} that goes on")
            self.assertEqual(self.found(vm.api.get("/mmds")), {"clone": number})
            info = self.found(vm.api.get("/"))
            self.assertEqual((info["id"], info["state"]), (os.path.basename(vm.monitor.folder), "Running"))


class UserfaultTest(SnapshotTest):
    PREFIX = MEMORY_ERROR + "Error creating guest memory from uffd: "

    def setUp(self):
        super().setUp()
        self.good, self.count = self.saved(code=tiny_guest.WRITE_PAGES)
        self.backend = {"backend_path": self.path("uffd"), "backend_type": "Uffd"}

    def test_no_socket(self):
        self.load_fails(self.good, f"{self.PREFIX}Failed to connect to UDS Unix stream: {GONE} ({self.path('uffd')})",
                        mem_backend=self.backend)

    def test_nobody_listens(self):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.path("uffd"))
        self.load_fails(self.good, f"{self.PREFIX}Failed to connect to UDS Unix stream: Connection refused (os error 111) "
                        f"({self.path('uffd')})", mem_backend=self.backend)

    def server(self):
        if hindrance := userfault_hindrance():
            self.skipTest(hindrance)
        server = PageServer(self.path("uffd"), self.good.memory)
        self.addCleanup(server.stop)
        return server

    def test_served(self):
        server = self.server()
        vm = self.loaded(self.good, mem_backend=self.backend)
        self.goes_on(vm, self.count, by=200)
        self.assertGreater(server.served, 2048)
        self.assertEqual(server.peer_pid, vm.monitor.pid)
        region, = server.regions
        self.assertEqual({name: region[name] for name in ("size", "offset", "page_size", "page_size_kib")},
                         {"size": MEMORY_MIB << 20, "offset": 0, "page_size": 4096, "page_size_kib": 4096})

    def test_snapshot_of_one_that_is_served(self):
        self.server()
        vm = self.loaded(self.good, mem_backend=self.backend)
        self.goes_on(vm, self.count)
        count = self.pause(vm)
        second = self.snapshot("second")
        self.save(vm, second)
        self.resume(vm)
        self.goes_on(vm, count)
        vm.end()
        self.check_good(second, count)

    def test_one_that_dies(self):
        server = self.server()
        vm = self.loaded(self.good, mem_backend=self.backend)
        self.goes_on(vm, self.count)
        server.stop()
        settled = None
        while settled != (settled := vm.count()):
            time.sleep(0.3)
        # The guest waits for ever; its monitor does not.
        self.assertEqual(self.found(vm.api.get("/"))["state"], "Running")
        self.assertEqual(vm.count(), settled)
        self.assertTrue(vm.monitor.is_running())

    def test_one_that_never_serves(self):
        if hindrance := userfault_hindrance():
            self.skipTest(hindrance)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.path("uffd"))
            listener.listen(1)
            vm = self.vm()
            vm.api.connection.send(encode("PUT", "/snapshot/load", self.good.loading(mem_backend=self.backend)))
            connection, _ = listener.accept()
            connection.recv(1 << 16)
            connection.close()
            # It must not seem to have succeeded, and can be ended.
            self.assertTrue(vm.api.connection.is_silent(0.5))
            self.assertEqual(vm.monitor.stop(signal.SIGKILL), -signal.SIGKILL)


if __name__ == "__main__":
    main()
