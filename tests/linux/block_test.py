"""Disks of a Linux guest: what is written arrives, is kept, and comes back, also when the host changes the file behind."""

import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import guest as linux  # noqa: E402
from disk import MIB, check_file_system, fio, make_file_system, sha256  # noqa: E402
from guest import core, sized  # noqa: E402

# Appends numbered records to a file, and prints the number of each once fsync() has returned.
RECORDER = """
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for number in range(int(sys.argv[2]), 10 ** 8):
    os.write(fd, b"record %08d %s\\n" % (number, b"x" * (number * 37 % 5000)))
    os.fsync(fd)
    print("fsynced", number, flush=True)
"""
# Grows the file system at /mnt to a number of KiB. resize2fs cannot: it writes to the device of a mounted file system, which
# the stripped kernel refuses.
RESIZE = """
import fcntl, os, struct, sys
EXT4_IOC_RESIZE_FS = 0x40086610
blocks = int(sys.argv[1]) * 1024 // os.statvfs("/mnt").f_bsize
fcntl.ioctl(os.open("/mnt", os.O_RDONLY), EXT4_IOC_RESIZE_FS, struct.pack("Q", blocks))
"""


class DataTest(linux.GuestTest):
    """Nothing is lost or changed on the way."""

    @core
    def test_files_of_the_guest_arrive_on_the_host(self):
        path = self.disk_file("disk", sized(512, 32))
        guest = self.start(f"path={path}")
        guest.run("mkfs.ext4 -q /dev/vdb && mount /dev/vdb /mnt")
        sizes_kib = [0, 1, 3, 64, 1000, sized(200, 20) * 1024]
        for number, size_kib in enumerate(sizes_kib):
            guest.run(f"head -c {size_kib * 1024 + number} /dev/urandom >/mnt/file{number}")
        sums = guest.run("cd /mnt; sha256sum file*; cd /; umount /mnt").splitlines()
        guest.end()
        check_file_system(self, path)
        self.assertEqual(len(sums), len(sizes_kib))
        for number, line in enumerate(sorted(sums, key=lambda line: line.split()[1])):
            copy = os.path.join(self.folder, "copy")
            subprocess.run(["debugfs", "-R", f"dump /file{number} {copy}", path], check=True, capture_output=True)
            self.assertEqual(os.path.getsize(copy), sizes_kib[number] * 1024 + number)
            self.assertEqual(line.split(), [sha256(copy), f"file{number}"])

    def test_files_of_the_host_arrive_in_the_guest(self):
        tree = os.path.join(self.folder, "tree")
        os.mkdir(tree)
        sums = {}
        for number, size_kib in enumerate((0, 1, 5, 300, sized(200, 20) * 1024)):
            name = os.path.join(tree, f"file{number}")
            with open(name, "wb") as file:
                file.write(random.Random(number).randbytes(size_kib * 1024 + number))
            sums[f"/mnt/file{number}"] = sha256(name)
        path = self.disk_file("disk", sized(512, 32))
        make_file_system(path, "-d", tree)
        before = sha256(path)
        guest = self.start(f"path={path},ro")
        output = guest.run("mount -o ro,noload /dev/vdb /mnt && sha256sum /mnt/file*")
        guest.end()
        self.assertEqual({name: total for total, name in map(str.split, output.splitlines())}, sums)
        self.assertEqual(sha256(path), before)

    def verify_with_fio(self, flags, vcpus=1):
        mib = sized(1024, 16)
        path = self.disk_file("disk", mib)
        guest = self.start(f"path={path}{flags}", vcpus=vcpus)
        time_limit = sized(600, 100)
        # In the guest past its page cache, with requests of both directions in flight at once ...
        guest.run(fio("direct", "/dev/vdb", mib, "--direct=1", "--verify_backlog=64", f"--loops={sized(4, 1)}"), time_limit)
        # ... and through it, so that the sizes of requests are the kernel's; then from the device.
        buffered = fio("buffered", "/dev/vdb", mib, "--direct=0", "--randseed=7")
        guest.run(f"{buffered} --do_verify=0 --end_fsync=1 && echo 3 >/proc/sys/vm/drop_caches", time_limit)
        guest.run(f"{buffered} --verify_only", time_limit)
        guest.end()
        # Nothing stays behind in the monitor.
        guest = self.start(f"path={path}{flags}", vcpus=vcpus)
        guest.run(f"{buffered} --verify_only", time_limit)
        guest.end()

    @core
    def test_fio_verifies_with_writeback(self):
        self.verify_with_fio(",cache=Writeback")

    def test_fio_verifies_past_the_host_page_cache(self):
        probe = self.disk_file("probe", 1)
        try:
            os.close(os.open(probe, os.O_RDWR | os.O_DIRECT))
        except OSError as error:
            self.skipTest(f"the file system of {self.folder} has no O_DIRECT: {error.strerror}")
        self.verify_with_fio(",direct,cache=Writeback")

    def test_fio_verifies_on_several_queues(self):
        path = self.disk_file("disk", 1)
        guest = self.start(f"path={path},queues=2", vcpus=2)
        cpus, queues = int(guest.run("nproc")), int(guest.run("ls /sys/block/vdb/mq | wc -l"))
        guest.end()
        if cpus < 2:
            self.skipTest("this guest kernel uses one CPU only")
        self.assertEqual(queues, 2)
        self.verify_with_fio(",queues=2", vcpus=2)

    @core
    def test_fsynced_records_survive_the_death_of_the_monitor(self):
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", file=sys.stderr)
        choice = random.Random(seed)
        path = self.disk_file("disk", sized(512, 48))
        make_file_system(path)
        written = 0
        for _ in range(sized(10, 2)):
            guest = self.start(f"path={path},cache=Writeback")
            self.assertEqual(guest.run("cat /sys/block/vdb/queue/write_cache"), "write back")
            guest.run("mount /dev/vdb /mnt")
            guest.put("/tmp/recorder.py", RECORDER)
            # A load beside it, whose data wait in the guest's cache.
            guest.run("while :; do dd if=/dev/urandom of=/mnt/load bs=64k count=64 conv=notrunc 2>/dev/null; done &")
            guest.type(f"python3 /tmp/recorder.py /mnt/records {written + 1}\n")
            guest.wait_for(rf"^fsynced {written + choice.randrange(20, sized(400, 60))}\b")
            time.sleep(choice.random() / 4)
            guest.kill()
            acknowledged = int(guest.console.rsplit("\nfsynced ", 1)[1].split("\n")[0] or 0)
            guest = self.start(f"path={path},cache=Writeback")
            guest.run("mount /dev/vdb /mnt && rm -f /mnt/load && umount /mnt")
            guest.end()
            check_file_system(self, path)
            written = self.check_records(path, acknowledged)

    def check_records(self, path, acknowledged):
        """Every record up to `acknowledged` is in the file; returns the number of the last one there."""
        copy = os.path.join(self.folder, "records")
        subprocess.run(["debugfs", "-R", f"dump /records {copy}", path], check=True, capture_output=True)
        with open(copy, "rb") as file:
            lines = file.read().split(b"\n")
        # What comes after the last fsync may be cut short.
        whole = lines[:-1]
        for number, line in enumerate(whole[:acknowledged], 1):
            self.assertEqual(line, b"record %08d %s" % (number, b"x" * (number * 37 % 5000)))
        self.assertGreaterEqual(len(whole), acknowledged)
        return len(whole)

    def test_unsafe_is_offered_without_a_cache_to_flush(self):
        guest = self.start(f"path={self.disk_file('disk', 1)},cache=Unsafe")
        self.assertEqual(guest.run("cat /sys/block/vdb/queue/write_cache"), "write through")
        guest.end()

    def test_read_only_disk_refuses_writes(self):
        path = self.disk_file("disk", 8)
        make_file_system(path)
        before = sha256(path)
        guest = self.start(f"path={path},ro")
        self.assertEqual(guest.run("cat /sys/block/vdb/ro"), "1")
        self.assertNotEqual(guest.attempt("dd if=/dev/zero of=/dev/vdb bs=4k count=1 oflag=direct")[0], 0)
        # Past the kernel's own check: the driver's request reaches the monitor, which must refuse it.
        guest.attempt("blockdev --setrw /dev/vdb")
        self.assertNotEqual(guest.attempt("dd if=/dev/zero of=/dev/vdb bs=4k count=1 oflag=direct")[0], 0)
        guest.run("mount -o ro,noload /dev/vdb /mnt")
        guest.end(quiet=False)
        self.assertEqual(sha256(path), before)


class SpaceTest(linux.GuestTest):
    """What the guest gives back, the host gets."""

    def blocks(self, path):
        return os.stat(path).st_blocks * 512

    @core
    def test_fstrim_punches_holes(self):
        path = self.disk_file("disk", sized(512, 64))
        guest = self.start(f"path={path}")
        guest.run("mkfs.ext4 -q /dev/vdb && mount /dev/vdb /mnt")
        content_mib = sized(300, 32)
        guest.run(f"head -c {content_mib}M /dev/urandom >/mnt/file; echo kept >/mnt/kept; sync")
        full = self.blocks(path)
        self.assertGreaterEqual(full, content_mib * MIB)
        guest.run("rm /mnt/file; sync; fstrim /mnt")
        self.assertLess(self.blocks(path), full - content_mib * MIB * 0.9)
        self.assertEqual(guest.run("echo 3 >/proc/sys/vm/drop_caches; cat /mnt/kept; umount /mnt"), "kept")
        guest.end()
        check_file_system(self, path)

    def test_write_zeroes_zeroes(self):
        path = self.disk_file("disk", 16)
        guest = self.start(f"path={path}")
        guest.run("head -c 16M /dev/urandom | dd of=/dev/vdb bs=1M iflag=fullblock oflag=direct")
        self.assertNotEqual(guest.run("cat /sys/block/vdb/queue/write_zeroes_max_bytes"), "0")
        guest.run("blkdiscard --zeroout --offset 4M --length 8M /dev/vdb")
        guest.end()
        with open(path, "rb") as file:
            content = file.read()
        self.assertEqual(content[4 * MIB:12 * MIB], bytes(8 * MIB))
        for edge in (content[4 * MIB - 512:4 * MIB], content[12 * MIB:12 * MIB + 512]):
            self.assertNotEqual(edge, bytes(512))

    def test_nodiscard_offers_none(self):
        guest = self.start(f"path={self.disk_file('disk', 16)},nodiscard")
        self.assertEqual(guest.run("cat /sys/block/vdb/queue/discard_max_bytes"), "0")
        self.assertNotEqual(guest.attempt("blkdiscard /dev/vdb")[0], 0)
        guest.end()


class ResizeTest(linux.GuestTest):
    """The file behind a disk is replaced or grows while the guest uses it."""

    def sectors(self, guest):
        return int(guest.run("cat /sys/block/vdb/size"))

    @core
    def test_a_larger_file_is_taken_over_under_fio(self):
        mib, larger_mib = sized(512, 64), sized(2048, 160)
        path = self.disk_file("disk", mib)
        make_file_system(path)
        guest = self.start(f"path={path},cache=Writeback")
        guest.run("mount -o noatime /dev/vdb /mnt")
        part_mib = mib // 8
        # One fio reads verified blocks all the time; the other one writes, and waits while the file system is frozen.
        stable = fio("stable", "/mnt/stable", part_mib, "--direct=1", "--randseed=3", jobs=1)
        guest.run(f"{stable} --do_verify=0")
        guest.start_loop("read", f"{stable} --verify_only")
        guest.start_loop("write", fio("write", "/mnt/written", part_mib, "--direct=1", "--verify_backlog=64"))
        time.sleep(sized(5, 3))
        guest.run("fsfreeze -f /mnt")
        larger = path + ".larger"
        shutil.copyfile(path, larger)
        os.truncate(larger, larger_mib * MIB)
        old = open(path, "rb")
        self.addCleanup(old.close)
        before = hashlib.file_digest(old, "sha256").hexdigest()
        os.rename(larger, path)
        guest.reopen_disks(path)
        self.eventually(lambda: self.sectors(guest) == larger_mib * 2048, "the new size")
        guest.run("fsfreeze -u /mnt")
        guest.put("/tmp/resize.py", RESIZE)
        guest.run(f"python3 /tmp/resize.py {larger_mib * 1024}")
        guest.finish_loop("write", sized(600, 100))
        guest.finish_loop("read", sized(600, 100))
        self.assertGreater(int(guest.run("df -m --output=size /mnt | tail -n 1")), larger_mib * 0.8)
        guest.run("umount /mnt")
        guest.end()
        check_file_system(self, path)
        old.seek(0)
        self.assertEqual(hashlib.file_digest(old, "sha256").hexdigest(), before, "the old file was written to")

    def test_the_file_grows_under_fio(self):
        mib = sized(512, 16)
        path = self.disk_file("disk", mib)
        guest = self.start(f"path={path}")
        guest.start_loop("write", fio("write", "/dev/vdb", mib, "--direct=1", "--verify_backlog=64"))
        for factor in range(2, 5):
            os.truncate(path, factor * mib * MIB)
            guest.reopen_disks(path)
            self.eventually(lambda size=factor * mib * 2048: self.sectors(guest) == size, "the new size")
        guest.finish_loop("write", sized(600, 200))
        guest.run(fio("new", "/dev/vdb", mib, f"--offset={3 * mib}m", "--direct=1", jobs=1), sized(600, 200))
        guest.end()

    def test_a_disk_may_start_empty(self):
        path = self.disk_file("disk", 0)
        guest = self.start(f"path={path}")
        self.assertEqual(self.sectors(guest), 0)
        self.assertEqual(guest.run("dd if=/dev/vdb bs=512 count=1 2>/dev/null | wc -c"), "0")
        os.truncate(path, 8 * MIB)
        guest.reopen_disks(path)
        self.eventually(lambda: self.sectors(guest) == 8 * 2048, "the new size")
        guest.run("mkfs.ext4 -q /dev/vdb && mount /dev/vdb /mnt && echo kept >/mnt/file && umount /mnt")
        guest.end()
        check_file_system(self, path)


class LimitTest(linux.GuestTest):
    """The rates that a disk is limited to are kept, and reached."""

    SECONDS = sized(20, 8)

    def counted(self, guest):
        """The time, and the bytes and requests that the disk has done, by the guest's clock and counters."""
        counters, uptime = guest.run("cat /sys/block/vdb/stat /proc/uptime").splitlines()
        reads, _, sectors_read, _, writes, _, sectors_written = map(int, counters.split()[:7])
        return float(uptime.split()[0]), (sectors_read + sectors_written) * 512, reads + writes

    def check_limit(self, flag, limit, index, block, direction):
        guest = self.start(f"path={self.disk_file('disk', 64)},{flag}={limit}")
        before = self.counted(guest)
        guest.start_job("load", f"fio --name=load --filename=/dev/vdb --direct=1 --rw={direction} --bs={block} "
                        "--ioengine=libaio --iodepth=16 --time_based --runtime=1000 --minimal")
        # The bucket starts full.
        self.eventually(lambda: self.counted(guest)[index] - before[index] > limit * 1.5, "a second's worth and a half")
        first = self.counted(guest)
        time.sleep(self.SECONDS)
        last = self.counted(guest)
        guest.run("pkill fio; wait")
        guest.end()
        rate = (last[index] - first[index]) / (last[0] - first[0])
        print(f"{flag}={limit} {direction}: {rate:.0f} a second", file=sys.stderr)
        self.assertAlmostEqual(rate / limit, 1, delta=0.1)

    def test_bandwidth(self):
        self.check_limit("bandwidth", 4 * MIB, 1, "64k", "randwrite")

    def test_bandwidth_of_reads(self):
        self.check_limit("bandwidth", 4 * MIB, 1, "64k", "randread")

    def test_operations(self):
        self.check_limit("ops", 200, 2, "4k", "randread")

    def test_operations_of_writes(self):
        self.check_limit("ops", 200, 2, "4k", "randwrite")


class RebindTest(linux.GuestTest):
    def test_driver_is_unbound_and_bound_under_load(self):
        rounds = sized(100, 10)
        print(f"{rounds} rounds", file=sys.stderr)
        path = self.disk_file("disk", 16)
        with open(path, "r+b") as file:
            file.write(random.Random(2).randbytes(16 * MIB))
        guest = self.start(f"path={path}")
        guest.put("/tmp/rebind.sh", f"""
device=$(basename "$(readlink /sys/block/vdb/device)")
for round in $(seq {rounds}); do
  for load in 1 2; do
    dd if=/dev/vdb of=/dev/null bs=64k iflag=direct 2>/dev/null &
    dd if=/dev/vdb of=/dev/vdb bs=4k skip=$load seek=$load iflag=direct oflag=direct conv=notrunc,nocreat 2>/dev/null &
  done
  sleep 0.0$((round % 10))
  echo "$device" >/sys/bus/virtio/drivers/virtio_blk/unbind || exit 1
  wait
  [ ! -e /sys/block/vdb ] || exit 2
  echo "$device" >/sys/bus/virtio/drivers/virtio_blk/bind || exit 3
  [ -e /sys/block/vdb ] && [ -b /dev/vdb ] || exit 4
done
dd if=/dev/vdb bs=1M iflag=direct 2>/dev/null | sha256sum
""")
        total = guest.run("sh /tmp/rebind.sh", sized(600, 200)).split()[0]
        guest.end()
        self.assertEqual(total, sha256(path))
        self.assertEqual(total, hashlib.sha256(random.Random(2).randbytes(16 * MIB)).hexdigest())


if __name__ == "__main__":
    unittest.main(verbosity=2)
