"""--clean: what it removes, and when it refuses."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from jails import PROGRAM, USER, JailTest, cgroup_mounts, main, needs_root, read  # noqa: E402


@needs_root
class CleanTest(JailTest):
    def ended_jail(self, *flags, **options):
        jail = self.jail(*flags, **options)
        jail.api().close()
        jail.kill()
        return jail

    def test_removes_all_and_keeps_other_jails(self):
        other = self.jail(jail_id="jail-other")
        other.api().close()
        jail = self.ended_jail()
        self.assertEqual(self.clean(jail), (0, ""))
        self.assertEqual(os.listdir(os.path.join(self.base, PROGRAM)), ["jail-other"])
        with other.api().connection as connection:
            self.assertEqual(connection.request("GET", "/").status, 200)

    def test_needs_no_program(self):
        jail = self.ended_jail()
        self.assertEqual(self.clean(jail, exec_file=f"/no/such/{PROGRAM}"), (0, ""))
        self.assertFalse(os.path.exists(jail.folder))

    def test_nothing_there_is_success(self):
        jail = self.ended_jail()
        for _ in range(2):
            self.assertEqual(self.clean(jail), (0, ""))
        os.rmdir(os.path.join(self.base, PROGRAM))
        self.assertEqual(self.clean(jail), (0, ""))

    def test_refuses_while_the_program_runs(self):
        jail = self.jail()
        with jail.api().connection as connection:
            before = self.everything()
            text = f"mayfly-jailer: Failed to clean the jail {jail.jail_id}: process {jail.process.pid} still runs\n"
            self.assertEqual(self.clean(jail), (1, text))
            # The pid file is in the hands of the jailed program.
            os.unlink(jail.pid_file)
            self.assertEqual(self.clean(jail), (1, text))
            with open(jail.pid_file, "w", encoding="ascii") as file:
                file.write("1")
            self.assertEqual(self.clean(jail), (1, text))
            self.assertEqual(len(self.everything()), len(before))
            self.assertEqual(connection.request("GET", "/").status, 200)
        jail.kill()
        self.assertEqual(self.clean(jail), (0, ""))

    def test_a_pid_file_that_names_somebody_else_is_no_reason(self):
        jail = self.ended_jail()
        with open(jail.pid_file, "w", encoding="ascii") as file:
            file.write("1")
        self.assertEqual(self.clean(jail), (0, ""))

    def test_mounts_in_the_jail_are_detached_and_what_they_show_stays(self):
        jail = self.ended_jail()
        with open(os.path.join(self.outside, "data"), "wb"):
            pass
        for name in ("bind", "deep/er", "tmp"):
            os.makedirs(jail.path(name))
        file = jail.path("file")
        with open(file, "wb"):
            pass
        for command in (["--bind", self.outside, jail.path("bind")], ["--bind", self.outside, jail.path("deep/er")],
                        ["-t", "tmpfs", "none", jail.path("tmp")], ["-t", "tmpfs", "none", jail.path("tmp")],
                        ["--bind", os.path.join(self.outside, "data"), file]):
            subprocess.run(["mount", *command], check=True)
        os.mkdir(jail.path("tmp/inner"))
        subprocess.run(["mount", "-t", "tmpfs", "none", jail.path("tmp/inner")], check=True)
        self.assertEqual(self.clean(jail), (0, ""))
        self.assertNotIn(jail.folder, read("/proc/self/mountinfo"))
        self.assertEqual(os.listdir(self.outside), ["data"])
        self.assertFalse(os.path.exists(jail.folder))

    def test_a_mount_elsewhere_stays(self):
        jail = self.ended_jail()
        beside = jail.folder + "-beside"
        os.mkdir(beside)
        subprocess.run(["mount", "-t", "tmpfs", "none", beside], check=True)
        self.addCleanup(subprocess.run, ["umount", beside], check=True)
        self.assertEqual(self.clean(jail), (0, ""))
        self.assertIn(beside, read("/proc/self/mountinfo"))

    def test_what_the_jailed_program_made_for_us(self):
        """Deep and closed folders, names with line ends, and a name that is no UTF-8."""
        jail = self.ended_jail()
        here = os.path.join(jail.root.encode(), b"a\n\xff")
        os.mkdir(here)
        folder = os.open(here, os.O_RDONLY)
        for _ in range(1500):
            os.mkdir(b"d", dir_fd=folder)
            deeper = os.open(b"d", os.O_RDONLY, dir_fd=folder)
            os.close(folder)
            folder = deeper
        os.fchmod(folder, 0)
        os.close(folder)
        os.chmod(here, 0)
        os.chown(here, USER, USER)
        self.assertEqual(self.clean(jail), (0, ""))
        self.assertFalse(os.path.exists(jail.folder))

    def test_refuses_folders_that_others_may_write_to(self):
        jail = self.ended_jail()
        os.chmod(jail.folder, 0o777)
        status, text = self.clean(jail)
        self.assertEqual(status, 1)
        self.assertIn("others than its owner may write to it", text)
        self.assertTrue(os.path.exists(jail.pid_file))

    def test_control_groups(self):
        mounts = cgroup_mounts()
        if "cpu" not in mounts or "memory" not in mounts:
            self.skipTest("no cpu and memory controllers of version 1 are mounted")
        flags = ["--parent-cgroup", "jails-parent/inner"]
        jail = self.jail("--cgroup", "cpu.shares=100", "--cgroup", "memory.limit_in_bytes=1g", *flags)
        jail.api().close()
        groups = [os.path.join(mounts[name], "jails-parent/inner", jail.jail_id) for name in ("cpu", "memory")]
        jail_pid = jail.process.pid
        for group in groups:
            self.assertEqual(read(f"{group}/cgroup.procs").split(), [str(jail_pid)])
        jail.kill()
        # A process that is in the group alone.
        sleeper = subprocess.Popen(["sleep", "60"])
        self.addCleanup(sleeper.wait)
        self.addCleanup(sleeper.kill)
        with open(f"{groups[1]}/cgroup.procs", "w", encoding="ascii") as file:
            file.write(str(sleeper.pid))
        self.assertEqual(self.clean(jail, *flags)[1],
                         f"mayfly-jailer: Failed to clean the jail {jail.jail_id}: process {sleeper.pid} still runs\n")
        self.assertTrue(os.path.exists(jail.folder))
        sleeper.kill()
        sleeper.wait()
        self.assertEqual(self.clean(jail, *flags, "--cgroup-version", "2"), (0, ""))
        self.assertTrue(all(os.path.exists(group) for group in groups))
        self.assertEqual(self.clean(jail, *flags), (0, ""))
        self.assertFalse(any(os.path.exists(group) for group in groups))


if __name__ == "__main__":
    main()
