"""Bad input: one clear line, status 1, and nothing left behind."""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from jails import GROUP, MAYFLY, PROGRAM, USER, JailTest, cgroup_mounts, is_alive, main, needs_root, wait_until  # noqa: E402

NOT_FOUND = "No such file or directory (os error 2)"
needs_memory_v1 = unittest.skipUnless("memory" in cgroup_mounts(), "no memory controller of version 1 is mounted")


@needs_root
class InputTest(JailTest):
    def setUp(self):
        super().setUp()
        self.program_folder = os.path.join(self.base, PROGRAM)

    def file(self, name, content=b"", mode=0o755):
        path = os.path.join(self.outside, name)
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, mode)
        return path

    def test_ids(self):
        length = "Invalid instance ID: Invalid len ({});  the length must be between 1 and 64"
        with_character = "Invalid instance ID: Invalid char ({}) at position {}"
        for jail_id, text in (("x" * 65, length.format(65)), ("..", with_character.format(".", 0)),
                              ("a/b", with_character.format("/", 1)), ("a\nb", with_character.format("?", 1))):
            self.assertEqual(self.refused(jail_id=jail_id), text)
        self.assertEqual(self.refused(jail_id=""), length.format(0))

    def test_programs(self):
        missing = os.path.join(self.outside, "missing")
        self.assertEqual(self.refused(exec_file=missing), f"Failed to canonicalize path {missing}: {NOT_FOUND}")
        self.assertEqual(self.refused(exec_file=self.outside), f"{self.outside} is not a file")
        link = os.path.join(self.outside, "link")
        os.symlink(MAYFLY, link)
        self.assertTrue(self.refused(exec_file=link).startswith(f"{link} is not a file but a symbolic link"))
        fifo = os.path.join(self.outside, "fifo")
        os.mkfifo(fifo)
        self.assertEqual(self.refused(exec_file=fifo), f"{fifo} is not a file")

    def test_programs_that_cannot_be_executed(self):
        for name, content, mode, reason in (("text", b"no program", 0o755, "Exec format error (os error 8)"),
                                            ("closed", b"#!/none", 0o644, "Permission denied (os error 13)"),
                                            ("script", b"#!/none", 0o755, NOT_FOUND)):
            for flags in ((), ("--daemonize",), ("--new-pid-ns",), ("--daemonize", "--new-pid-ns")):
                program = self.file(name, content, mode)
                text = self.refused(*flags, exec_file=program)
                copy = os.path.join(self.base, name, f"jail-{len(self.jails) - 1}", "root", name)
                self.assertEqual(text, f"Failed to execute {copy}: {reason}")

    def test_base(self):
        missing = os.path.join(self.base, "missing")
        self.assertEqual(self.refused(base=missing), f"Failed to canonicalize path {missing}: {NOT_FOUND}")
        self.assertEqual(self.refused(base=self.file("file")),
                         f"Failed to canonicalize path {self.outside}/file: Not a directory (os error 20)")

    def test_users_that_do_not_exist(self):
        for user, group, flag in ((-1, 0, "uid"), (4294967295, 0, "uid"), (0, 4294967295, "gid"), ("nobody", 0, "uid")):
            text = self.refused(user=(user, group))
            self.assertEqual(text, f"--{flag}: must be a number from 0 to 4294967294, not '{user if flag == 'uid' else group}'")

    def test_users_that_do_not_exist_in_this_namespace(self):
        text = self.refused(launcher=["unshare", "--user", "--map-root-user"], jail_id="jail-0")
        copy = os.path.join(self.program_folder, "jail-0", "root", PROGRAM)
        self.assertEqual(text, f"Failed to change the owner of {copy} to {USER}:{GROUP}: Invalid argument (os error 22)")

    def test_network_namespaces(self):
        for path in (self.file("file"), self.outside, "/proc/self/ns/pid", "/dev/null"):
            self.assertEqual(self.refused("--netns", path), f"{path} is not a network namespace")
        self.assertEqual(self.refused("--netns", "/none"), f"Failed to open the network namespace /none: {NOT_FOUND}")

    def test_folders_of_others(self):
        for name in ("", "jail-x", "jail-x/root"):
            os.makedirs(os.path.join(self.program_folder, "jail-x", "root"), exist_ok=True)
            path = os.path.join(self.program_folder, name).rstrip("/")
            os.chown(path, USER, GROUP)
            text = self.refused(jail_id="jail-x")
            self.assertEqual(text, f"Refused to use {path}: it belongs to user {USER} and not to 0")
            os.chown(path, 0, 0)
            os.chmod(path, 0o777)
            text = self.refused(jail_id="jail-x")
            self.assertEqual(text, f"Refused to use {path}: others than its owner may write to it (mode 0777)")
            os.chmod(path, 0o755)

    def test_same_id_twice(self):
        first = self.jail(jail_id="jail-x")
        with first.api().connection as connection:
            text = self.refused(jail_id="jail-x")
            self.assertTrue(text.startswith(f"The jail jail-x is in use or was not cleaned: {first.pid_file} exists"), text)
            self.assertEqual(connection.request("GET", "/").status, 200)
        self.assertTrue(is_alive(first.process.pid))
        first.api().close()
        first.kill()
        self.assertIn("--clean", self.refused(jail_id="jail-x"))
        self.assertEqual(self.clean(first), (0, ""))
        self.jail(jail_id="jail-x").api().close()

    def test_same_id_at_once(self):
        """Of jailers that start together at most one makes the jail, and the others leave it alone."""
        for _ in range(5):
            jails = [self.jail(jail_id="jail-x") for _ in range(6)]
            losers = [jail for jail in jails if self.has_ended(jail)]
            self.assertGreaterEqual(len(losers), 5)
            for jail in losers:
                self.assertEqual(jail.process.returncode, 1, jail.said())
                self.assertEqual(jail.said().count("\n"), 1, jail.said())
            for jail in set(jails) - set(losers):
                self.assertEqual(jail.recorded_pid(), jail.process.pid)
                jail.api().close()
                jail.kill()
            self.assertEqual(self.clean(jails[0]), (0, ""))

    def has_ended(self, jail):
        """Once it is clear whether it does: it has lost, or its monitor listens."""
        wait_until(lambda: jail.process.poll() is not None or self.listens(jail), "an end or a monitor")
        return jail.process.poll() is not None

    def listens(self, jail):
        try:
            if jail.recorded_pid() != jail.process.pid:
                return False
            jail.api().close()
            return True
        except (OSError, ValueError):
            return False

    def test_full_disk(self):
        small = os.path.join(self.base, "small")
        os.mkdir(small)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", small], check=True)
        text = self.refused(base=small, jail_id="jail-x")
        copy = os.path.join(small, PROGRAM, "jail-x", "root", PROGRAM)
        self.assertEqual(text, f"Failed to copy the program to {copy}: No space left on device (os error 28)")
        self.assertEqual(os.listdir(small), [])

    def test_limits(self):
        self.assertIn("No file descriptors available (os error 24)", self.refused("--resource-limit", "no-file=3"))
        self.assertTrue(self.refused("--resource-limit", "no-file=99999999999").startswith(
            "Failed to set the limit no-file to 99999999999: Operation not permitted"))
        self.assertIn("must be fsize=BYTES or no-file=NUMBER", self.refused("--resource-limit", "core=1"))

    def test_a_limit_on_files_fails_instead_of_killing(self):
        jail = self.jail("--resource-limit", "fsize=0", launcher=["sh", "-c", "\"$@\" 2>&1 | cat >&2", "sh"])
        self.assertEqual(jail.ended(), 0)  # of cat, which may write
        self.assertIn(f"{PROGRAM}.pid: File too large (os error 27)", jail.said())
        self.assertEqual(os.listdir(self.base), ["outside"])

    def test_controllers(self):
        self.assertIn("no controller foo", self.refused("--cgroup", "foo.bar=1"))
        self.assertIn("no controller foo", self.refused("--cgroup", "foo.bar=1", "--cgroup-version", "1"))
        self.assertIn("must be CONTROLLER.NAME=VALUE", self.refused("--cgroup", "cpu=1"))
        self.assertIn("must be CONTROLLER.NAME=VALUE", self.refused("--cgroup", "../cpu.shares=1"))
        self.assertIn("must be 1 or 2", self.refused("--cgroup-version", "3"))
        self.assertIn("must be a relative path", self.refused("--parent-cgroup", "../up"))

    @needs_memory_v1
    def test_control_groups_that_refuse(self):
        memory = cgroup_mounts()["memory"]
        limit = "memory.limit_in_bytes"
        group = f"{memory}/{PROGRAM}/jail-x"
        self.assertEqual(self.refused("--cgroup", f"{limit}=much", jail_id="jail-x"),
                         f"Failed to write 'much' to {group}/{limit}: Invalid argument (os error 22)")
        self.assertEqual(self.refused("--cgroup", "memory.none=1", jail_id="jail-x"),
                         f"Failed to open {group}/memory.none: {NOT_FOUND}")
        # Read-only.
        self.assertTrue(self.refused("--cgroup", "memory.usage_in_bytes=1", jail_id="jail-x").startswith("Failed to "))
        self.assertEqual(self.refused("--cgroup", f"{limit}=1g", "--parent-cgroup", "tasks"),
                         f"Failed to open {memory}/tasks: Not a directory (os error 20)")

    def test_a_failure_after_the_groups_were_joined(self):
        if "cpu" not in cgroup_mounts():
            self.skipTest("no cpu controller of version 1 is mounted")
        program = self.file("text", b"no program")
        self.assertIn("Exec format error", self.refused("--cgroup", "cpu.shares=100", exec_file=program))
        self.assertFalse(os.path.exists(f"{cgroup_mounts()['cpu']}/text"))

    def test_command_lines(self):
        self.assertEqual(self.refused("--node", "1"),
                         "Found argument 'node' which wasn't expected, or isn't valid in this context.")
        self.assertEqual(self.refused("--id", "j"), "The argument 'id' was provided more than once.")
        self.assertEqual(self.refused(user=None), "Argument 'uid' required, but not found.")


if __name__ == "__main__":
    main()
