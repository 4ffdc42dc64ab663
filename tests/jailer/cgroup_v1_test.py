"""Control groups of version 1, where the host has them: values, membership, and that limits are in force."""

import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from jails import PROGRAM, JailTest, cgroup_mounts, main, needs_kvm, needs_root, read, wait_until  # noqa: E402
import tiny_guest  # noqa: E402

MOUNTS = cgroup_mounts()
PARENT = "jails-parent"
needs_v1 = unittest.skipUnless({"cpu", "memory", "cpuset"} <= set(MOUNTS),
                               "no cpu, memory and cpuset controllers of version 1 are mounted")


@needs_root
@needs_v1
class CgroupV1Test(JailTest):
    def group(self, jail, controller, parent=PARENT):
        return os.path.join(MOUNTS[controller], parent, jail.jail_id)

    def start(self, *settings, flags=("--parent-cgroup", PARENT), **options):
        words = [word for setting in settings for word in ("--cgroup", setting)]
        jail = self.jail(*words, *flags, **options)
        jail.api().close()
        return jail

    def test_values_and_membership(self):
        jail = self.start("cpu.shares=200", "cpu.cfs_period_us=200000", "memory.limit_in_bytes=500000768")
        for controller, file, value in (("cpu", "cpu.shares", "200"), ("cpu", "cpu.cfs_period_us", "200000"),
                                        ("memory", "memory.limit_in_bytes", "499998720")):
            self.assertEqual(read(os.path.join(self.group(jail, controller), file)).strip(), value)
            self.assertIn(str(jail.process.pid), read(os.path.join(self.group(jail, controller), "tasks")).split())
        self.assertFalse(os.path.exists(self.group(jail, "cpuset")))
        jail.kill()
        self.assertEqual(self.clean(jail, "--parent-cgroup", PARENT), (0, ""))

    def test_default_parent_is_the_programs_name(self):
        jail = self.start("cpu.shares=200", flags=())
        self.assertTrue(os.path.exists(self.group(jail, "cpu", PROGRAM)))

    def test_no_setting_makes_no_group(self):
        jail = self.start(flags=("--cgroup-version", "1", "--parent-cgroup", PARENT))
        for controller in MOUNTS:
            self.assertFalse(os.path.exists(os.path.join(MOUNTS[controller], PARENT)), controller)
        self.assertIn(":memory:", read(f"/proc/{jail.process.pid}/cgroup"))

    def test_new_groups_of_cpuset_inherit(self):
        jail = self.start("cpuset.cpus=0", flags=("--parent-cgroup", f"{PARENT}/a/b"))
        top = MOUNTS["cpuset"]
        memory_nodes = read(f"{top}/cpuset.mems").strip()
        for folder in (PARENT, f"{PARENT}/a", f"{PARENT}/a/b"):
            self.assertEqual(read(f"{top}/{folder}/cpuset.cpus"), read(f"{top}/cpuset.cpus"))
            self.assertEqual(read(f"{top}/{folder}/cpuset.mems").strip(), memory_nodes)
        group = self.group(jail, "cpuset", f"{PARENT}/a/b")
        self.assertEqual(read(f"{group}/cpuset.cpus").strip(), "0")
        self.assertEqual(read(f"{group}/cpuset.mems").strip(), memory_nodes)
        self.assertIn(str(jail.process.pid), read(f"{group}/tasks").split())

    def boot(self, jail, mem_size_mib):
        kernel = jail.path("kernel")
        with open(kernel, "wb") as file:
            file.write(tiny_guest.elf(tiny_guest.COUNT))
        with jail.api().connection as connection:
            for target, body in (("/machine-config", {"vcpu_count": 1, "mem_size_mib": mem_size_mib}),
                                 ("/boot-source", {"kernel_image_path": "kernel"}),
                                 ("/actions", {"action_type": "InstanceStart"})):
                response = connection.request("PUT", target, body)
                self.assertEqual(response.status, 204, response)

    @needs_kvm
    def test_cpu_quota_throttles(self):
        """A guest that never waits gets a tenth of a processor."""
        jail = self.start("cpu.cfs_period_us=20000", "cpu.cfs_quota_us=2000")
        self.boot(jail, 32)
        stat = os.path.join(self.group(jail, "cpu"), "cpu.stat")

        def throttled():
            return int(dict(line.split() for line in read(stat).splitlines())["nr_throttled"])
        before = throttled()
        used_s, start_s = self.cpu_time_s(jail), time.monotonic()
        wait_until(lambda: throttled() > before + 10, "throttled periods")
        share = (self.cpu_time_s(jail) - used_s) / (time.monotonic() - start_s)
        self.assertLess(share, 0.3)

    def cpu_time_s(self, jail):
        fields = read(f"/proc/{jail.process.pid}/stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @needs_kvm
    def test_memory_limit_kills(self):
        """Metadata of a size that the limit does not leave room for."""
        jail = self.start("memory.limit_in_bytes=20m", arguments=["--http-api-max-payload-size", "100000000",
                                                                   "--mmds-size-limit", "100000000"])
        with self.assertRaises((EOFError, OSError)), jail.api().connection as connection:
            connection.request("PUT", "/mmds", {"data": "x" * 60_000_000})
        self.assertEqual(jail.ended(), -9)
        events = read(os.path.join(self.group(jail, "memory"), "memory.oom_control"))
        self.assertRegex(events, r"oom_kill [1-9]")


if __name__ == "__main__":
    main()
