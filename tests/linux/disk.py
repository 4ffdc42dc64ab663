"""The files behind a guest's disks, and the load that verifies what it reads from them."""

import hashlib
import subprocess

MIB = 1024 * 1024


def fio(name, device, mib, *options, jobs=4):
    """A fio command: `jobs` jobs write an equal part of `device` each, in blocks of mixed sizes, and verify checksums."""
    part_kib = mib * 1024 // jobs
    return (f"fio --name={name} --filename={device} --numjobs={jobs} --size={part_kib}k --offset_increment={part_kib}k "
            "--rw=randwrite --bssplit=512/10:4k/30:16k/20:64k/20:256k/20 --ioengine=libaio --iodepth=8 "
            "--verify=crc32c --verify_fatal=1 --verify_state_save=0 --group_reporting --minimal "
            + " ".join(options))


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_file_system(test, path):
    result = subprocess.run(["e2fsck", "-fn", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            check=False)
    test.assertEqual(result.returncode, 0, result.stdout)


def make_file_system(path, *options):
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", *options, path], check=True)
