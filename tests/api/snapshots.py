"""What tests of snapshots share: guests that are saved, monitors that load them, and a handler of page faults."""

import ctypes
import fcntl
import json
import mmap
import os
import select
import socket
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from client import Api, wait_until  # noqa: E402
from monitor import MAYFLY, ApiTest, Monitor, needs_kvm  # noqa: E402
import tiny_guest  # noqa: E402

LOAD_ERROR = "Load snapshot error: "
RESTORE_ERROR = LOAD_ERROR + "Failed to restore from snapshot: "
STATE_ERROR = RESTORE_ERROR + "Failed to get snapshot state from file: "
MEMORY_ERROR = RESTORE_ERROR + "Failed to load guest memory: "
NOT_TOGETHER = "the memory file and the state file are not of the same snapshot (or its writing was cut off)"
# Where the memory file has the snapshot's id (vmm/guest_layout.h): two snapshots of the same moment differ there.
ID_AT, ID_BYTES = 0xdffe0, 16
VM_CLOCK_AT = 0xde000
MEMORY_MIB = 32


def run_program(*arguments):
    return subprocess.run([MAYFLY, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=20, check=False)


class Snapshot:
    """The two files of a snapshot, in a folder of their own as `mayfly --restore` takes it."""

    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.state = os.path.join(folder, "state")
        self.memory = os.path.join(folder, "memory")

    def copy(self, folder):
        other = Snapshot(folder)
        for source, target in ((self.state, other.state), (self.memory, other.memory)):
            subprocess.run(["cp", "--sparse=auto", source, target], check=True)
        return other

    def creation(self, kind="Full"):
        return {"snapshot_type": kind, "snapshot_path": self.state, "mem_file_path": self.memory}

    def loading(self, resume=True, **fields):
        """The body of a load; a field that is None is left out."""
        body = {"snapshot_path": self.state, "mem_backend": {"backend_path": self.memory, "backend_type": "File"},
                "resume_vm": resume, **fields}
        return {name: value for name, value in body.items() if value is not None}

    def memory_bytes(self):
        """The memory file without what makes it this snapshot's."""
        with open(self.memory, "rb") as file:
            data = bytearray(file.read())
        data[ID_AT:ID_AT + ID_BYTES] = bytes(ID_BYTES)
        return bytes(data)


class Vm:
    """A monitor in a folder of its own, and its API."""

    def __init__(self, test, name, *flags, **options):
        os.makedirs(test.path(name))
        self.monitor = Monitor(test.path(name), *flags, vm_id=name, **options)
        test.addCleanup(self.monitor.stop)
        self.api = None
        if "--no-api" not in flags:
            self.monitor.wait_for_socket()
            self.api = Api(self.monitor.socket_path)
            test.addCleanup(self.api.close)

    def count(self):
        return tiny_guest.last_count(self.monitor.output())

    def end(self):
        if self.api is not None:
            self.api.close()
        return self.monitor.stop()


@needs_kvm
class SnapshotTest(ApiTest):
    """Guests that count on their serial port, so that it shows where they go on."""

    def setUp(self):
        super().setUp()
        self.launched = 0

    def vm(self, *flags, **options):
        """A new monitor."""
        self.launched += 1
        return Vm(self, f"vm{self.launched}", *flags, **options)

    def snapshot(self, name="snapshot"):
        return Snapshot(self.path(name))

    def booted(self, code=tiny_guest.COUNT, before=(), vm=None, **machine):
        """A VM that counts; `before` are requests made before its start: pairs of target and body."""
        vm = vm or self.vm()
        self.done(vm.api.put("/machine-config", {"vcpu_count": 1, "mem_size_mib": MEMORY_MIB, **machine}))
        self.done(vm.api.put("/boot-source", {"kernel_image_path": self.kernel(code)}))
        for target, body in before:
            self.done(vm.api.put(target, body))
        self.done(vm.api.action("InstanceStart"))
        self.goes_on(vm)
        return vm

    def serial_count(self, name="serial"):
        """The last number in a file that is a serial port's output; 0 before the monitor has made it."""
        try:
            with open(self.path(name), encoding="ascii") as file:
                return tiny_guest.last_count(file.read())
        except FileNotFoundError:
            return 0

    def goes_on(self, vm, count=None, by=2):
        """Waits until the guest has counted `by` further than now, or than `count`."""
        start = vm.count() if count is None else count
        wait_until(lambda: vm.count() >= start + by or not vm.monitor.is_running(),
                   lambda: f"guest that counts past {start + by}{vm.monitor.said()}")
        self.assertGreaterEqual(vm.count(), start + by, vm.monitor.said())

    def pause(self, vm):
        """Returns the last number that the guest had printed."""
        self.done(vm.api.patch("/vm", {"state": "Paused"}))
        settled = None
        while settled != (settled := vm.monitor.output()):
            self.assertTrue(vm.api.connection.is_silent(0.05))
        return vm.count()

    def resume(self, vm):
        self.done(vm.api.patch("/vm", {"state": "Resumed"}))

    def save(self, vm, snapshot, kind="Full"):
        self.done(vm.api.put("/snapshot/create", snapshot.creation(kind)))

    def saved(self, name="snapshot", **options):
        """The snapshot of a VM that has ended, and the number it had counted to."""
        vm, snapshot = self.booted(**options), self.snapshot(name)
        count = self.pause(vm)
        self.save(vm, snapshot)
        vm.end()
        return snapshot, count

    def loaded(self, snapshot, flags=(), **fields):
        """A new monitor with the restored VM, which runs."""
        vm = self.vm(*flags)
        self.done(vm.api.put("/snapshot/load", snapshot.loading(**fields)))
        return vm

    def load_fails(self, snapshot, message, vm=None, **fields):
        """A load that is answered with `message` before the monitor ends with status 1; a text or a pattern."""
        vm = vm or self.vm()
        self.refused(vm.api.put("/snapshot/load", snapshot.loading(**fields)), message)
        self.assertEqual(vm.monitor.ended(), 1, vm.monitor.said())
        self.assertIn("exit_code=1", vm.monitor.output())
        vm.end()

    def check_good(self, snapshot, count=0, **fields):
        """That a snapshot's VM goes on from where it was or later."""
        vm = self.loaded(snapshot, **fields)
        self.goes_on(vm, count)
        vm.end()

    def no_leftovers(self, folder):
        self.assertEqual([name for name in os.listdir(folder) if name.endswith(".tmp")], [])

    def tmpfs(self, size_kib):
        folder = self.path("tmpfs")
        os.mkdir(folder)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "none", folder], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=True)
        return folder


# linux/userfaultfd.h
UFFDIO_COPY = 0xc028aa03
UFFD_EVENT_PAGEFAULT = 0x12
PAGE_BYTES = 4096


class PageServer:
    """Listens where a monitor looks for its handler of page faults, and fills pages from a memory file on its own thread."""

    def __init__(self, path, memory_path):
        self.regions = None
        self.peer_pid = None
        self.served = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        with open(memory_path, "rb") as file:
            # Private, as ctypes takes the address of writable memory only.
            self.memory = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self.stop_fd = os.eventfd(0)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        ready = select.select([self.listener, self.stop_fd], [], [])[0]
        if self.stop_fd in ready:
            return
        connection, _ = self.listener.accept()
        with connection:
            message, fds, _, _ = socket.recv_fds(connection, 1 << 16, 1)
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            self.peer_pid = struct.unpack("3i", credentials)[0]
            self.regions = json.loads(message)
            try:
                self._serve(fds[0])
            finally:
                os.close(fds[0])

    def _serve(self, userfault_fd):
        while self.stop_fd not in select.select([userfault_fd, self.stop_fd], [], [])[0]:
            try:
                event = os.read(userfault_fd, 32)
            except BlockingIOError:
                continue
            if event[0] != UFFD_EVENT_PAGEFAULT:
                continue
            page = struct.unpack_from("Q", event, 16)[0] & -PAGE_BYTES
            region = next(one for one in self.regions
                          if 0 <= page - one["base_host_virt_addr"] < one["size"])
            source = self.address + page - region["base_host_virt_addr"] + region["offset"]
            try:
                fcntl.ioctl(userfault_fd, UFFDIO_COPY, struct.pack("QQQQq", page, source, PAGE_BYTES, 0, 0))
            except FileExistsError:
                continue
            self.served += 1

    def stop(self):
        """It dies, as far as the monitor can see."""
        os.eventfd_write(self.stop_fd, 1)
        self.thread.join()
        self.listener.close()


def userfault_hindrance():
    """Why no process can have a userfaultfd that covers what KVM touches; nothing where one can."""
    try:
        os.close(os.open("/dev/userfaultfd", os.O_RDWR | os.O_CLOEXEC))
        return None
    except OSError as error:
        device = f"/dev/userfaultfd: {error.strerror}"
    syscall_number = 323
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(syscall_number, os.O_CLOEXEC | os.O_NONBLOCK)
    if fd < 0:
        return f"no userfaultfd here: {device}; userfaultfd(2): {os.strerror(ctypes.get_errno())}"
    os.close(fd)
    return None
