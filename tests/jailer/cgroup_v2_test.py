"""Control groups of version 2, on a host that has nothing else: values, membership, limits, and each step done once.

CMakeLists.txt runs it in the test bed, which is such a host.
"""

import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from jails import PROGRAM, JailTest, cgroup_mounts, main, needs_kvm, needs_root, read, wait_until  # noqa: E402
import tiny_guest  # noqa: E402

MOUNTS = cgroup_mounts()
TOP = MOUNTS.get("", "/none")
PARENT = "jails-parent"
SETTINGS = ("--cgroup", "pids.max=100", "--cgroup", "memory.max=1073741824", "--cgroup", "cpu.weight=200")


def has_controllers():
    return set(MOUNTS) == {""} and {"cpu", "memory", "pids"} <= set(read(f"{TOP}/cgroup.controllers").split())


@needs_root
@unittest.skipUnless(has_controllers(), "this host has not the control groups of version 2 alone")
class CgroupV2Test(JailTest):
    def start(self, *flags, **options):
        jail = self.jail(*flags, "--parent-cgroup", PARENT, **options)
        jail.api().close()
        return jail

    def group(self, jail, parent=PARENT):
        return os.path.join(TOP, parent, jail.jail_id)

    def members(self, group):
        return read(os.path.join(group, "cgroup.procs")).split()

    def cleaned(self, jail, *flags):
        jail.kill()
        self.assertEqual(self.clean(jail, "--parent-cgroup", PARENT, *flags), (0, ""))
        self.assertFalse(os.path.exists(self.group(jail)))

    def test_version_2_is_the_default_here(self):
        jail = self.start(*SETTINGS)
        group = self.group(jail)
        for file, value in (("pids.max", "100"), ("memory.max", "1073741824"), ("cpu.weight", "200")):
            self.assertEqual(read(os.path.join(group, file)).strip(), value)
        self.assertEqual(self.members(group), [str(jail.process.pid)])
        for above in (TOP, os.path.join(TOP, PARENT)):
            self.assertLessEqual({"cpu", "memory", "pids"}, set(read(f"{above}/cgroup.subtree_control").split()))
        self.assertEqual(read(f"{group}/cgroup.subtree_control").split(), [])
        self.cleaned(jail, "--cgroup-version", "2")

    def test_parents_may_be_nested(self):
        jail = self.jail("--cgroup", "pids.max=100", "--parent-cgroup", f"{PARENT}/a/b", "--cgroup-version", "2")
        jail.api().close()
        self.assertEqual(self.members(self.group(jail, f"{PARENT}/a/b")), [str(jail.process.pid)])

    def test_without_settings_an_existing_parent_is_joined(self):
        jail = self.start()
        self.assertFalse(os.path.exists(os.path.join(TOP, PARENT)))
        os.mkdir(os.path.join(TOP, PARENT))
        jail = self.start()
        self.assertEqual(self.members(os.path.join(TOP, PARENT)), [str(jail.process.pid)])
        self.assertFalse(os.path.exists(self.group(jail)))
        jail.kill()

    def test_a_parent_that_is_divided_cannot_be_joined(self):
        first = self.start(*SETTINGS)
        text = self.refused("--parent-cgroup", PARENT)
        self.assertTrue(text.startswith(
            f"Failed to move process to cgroup ({TOP}/{PARENT}): Resource busy (os error 16)"), text)
        self.cleaned(first)

    def test_failures_leave_no_group(self):
        self.assertEqual(self.refused("--cgroup", "foo.bar=1"),
                         f"Failed to set foo.bar: {TOP} has no controller foo")
        self.assertEqual(self.refused("--cgroup", "memory.max=much", jail_id="jail-x"),
                         f"Failed to write 'much' to {TOP}/{PROGRAM}/jail-x/memory.max: Invalid argument (os error 22)")
        self.assertEqual(self.refused("--cgroup", "memory.max=1g", "--cgroup-version", "1"),
                         "Failed to set memory.max: this host has no controller memory of version 1")
        program = os.path.join(self.outside, "text")
        with open(program, "w", encoding="ascii") as file:
            file.write("no program")
        os.chmod(program, 0o755)
        for flags in ((), ("--daemonize",), ("--new-pid-ns",)):
            self.assertIn("Exec format error", self.refused("--cgroup", "pids.max=9", *flags, exec_file=program))
        self.assertFalse(os.path.exists(f"{TOP}/text"))

    def test_group_is_made_and_entered_once(self):
        trace = os.path.join(self.outside, "trace")
        jail = self.start(*SETTINGS, launcher=["strace", "-f", "-y", "-o", trace, "-e", "trace=mkdirat,mkdir,write"])
        text = read(trace)
        made = re.findall(r"^.*mkdirat?\(.*\"jail-0\".*$", text, re.MULTILINE)
        self.assertEqual(len([line for line in made if f"<{TOP}/{PARENT}>" in line]), 1, made)
        entered = re.findall(r"^.*write\(\d+<[^>]*/cgroup\.procs>.*$", text, re.MULTILINE)
        self.assertEqual(len(entered), 1, entered)
        self.assertIn(f"<{self.group(jail)}/cgroup.procs>", entered[0])
        os.kill(jail.recorded_pid(), 9)

    def boot(self, jail):
        with open(jail.path("kernel"), "wb") as file:
            file.write(tiny_guest.elf(tiny_guest.COUNT))
        with jail.api().connection as connection:
            for target, body in (("/machine-config", {"vcpu_count": 1, "mem_size_mib": 32}),
                                 ("/boot-source", {"kernel_image_path": "kernel"}),
                                 ("/actions", {"action_type": "InstanceStart"})):
                response = connection.request("PUT", target, body)
                self.assertEqual(response.status, 204, response)

    @needs_kvm
    def test_cpu_quota_throttles(self):
        """A guest that never waits gets a tenth of a processor."""
        jail = self.start("--cgroup", "cpu.max=10000 100000")
        self.boot(jail)

        def stat():
            return {name: int(value) for name, value in
                    (line.split() for line in read(os.path.join(self.group(jail), "cpu.stat")).splitlines())}
        before, start_s = stat(), time.monotonic()
        wait_until(lambda: stat()["nr_throttled"] > before["nr_throttled"] + 10, "throttled periods", timeout_s=60)
        share = (stat()["usage_usec"] - before["usage_usec"]) / 1e6 / (time.monotonic() - start_s)
        self.assertLess(share, 0.3)
        self.cleaned(jail)

    def test_memory_limit_kills(self):
        """Metadata of a size that the limit does not leave room for."""
        jail = self.start("--cgroup", "memory.max=20000000", arguments=[
            "--http-api-max-payload-size", "100000000", "--mmds-size-limit", "100000000"])
        with self.assertRaises((EOFError, OSError)), jail.api().connection as connection:
            connection.request("PUT", "/mmds", {"data": "x" * 60_000_000})
        self.assertEqual(jail.ended(), -9)
        self.assertRegex(read(os.path.join(self.group(jail), "memory.events")), r"oom_kill [1-9]")
        self.cleaned(jail)


if __name__ == "__main__":
    main()
