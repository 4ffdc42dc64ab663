"""Planted links: at each path that the jailer makes or opens, a symbolic link, one into nothing, or a second name of a
file of the host's. None may be followed, written to, or given away."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from jails import PROGRAM, JailTest, cgroup_mounts, main, needs_root  # noqa: E402

JAIL = "jail-x"
IN_JAIL = os.path.join(JAIL, "root")
FOLDERS = (".", JAIL, IN_JAIL, f"{IN_JAIL}/dev", f"{IN_JAIL}/dev/net", f"{IN_JAIL}/run")
DEVICES = ("dev/kvm", "dev/net/tun", "dev/urandom", "dev/userfaultfd")


@needs_root
class LinksTest(JailTest):
    def setUp(self):
        super().setUp()
        self.victim = os.path.join(self.outside, "victim")
        with open(self.victim, "w", encoding="ascii") as file:
            file.write("precious")
        os.chmod(self.victim, 0o640)
        self.victim_folder = os.path.join(self.outside, "folder")
        os.mkdir(self.victim_folder, 0o750)
        self.program_folder = os.path.join(self.base, PROGRAM)

    def outside_state(self):
        state = []
        for path in (self.outside, self.victim, self.victim_folder):
            info = os.lstat(path)
            state.append((info.st_mode, info.st_uid, info.st_gid, info.st_size, info.st_mtime_ns))
        return state, os.listdir(self.outside), os.listdir(self.victim_folder)

    def plant(self, path, how):
        """Puts a link at `path` below the program's folder; returns the whole path."""
        path = os.path.normpath(os.path.join(self.program_folder, path))
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        if how == "hard":
            os.link(self.victim, path)
        else:
            os.symlink({"file": self.victim, "folder": self.victim_folder, "nothing": "/none/at/all"}[how], path)
        return path

    def refuses(self, path, how):
        """The line that refuses the link, which is still there then and has led nowhere."""
        with self.subTest(path=path, how=how):
            planted = self.plant(path, how)
            before = self.outside_state()
            text = self.refused(jail_id=JAIL)
            self.assertEqual(self.outside_state(), before)
            self.assertIn(planted, text)
            self.assertTrue(os.path.lexists(planted))
            os.unlink(planted)
            return text
        return ""

    def test_folders(self):
        for path in FOLDERS:
            for how in ("folder", "file", "nothing"):
                self.assertIn("Symbolic link loop (os error 40)", self.refuses(path, how))
            self.assertIn("Not a directory (os error 20)", self.refuses(path, "hard"))

    def test_program(self):
        path = f"{IN_JAIL}/{PROGRAM}"
        whole = os.path.join(self.program_folder, path)
        for how in ("file", "folder", "nothing"):
            self.assertEqual(self.refuses(path, how), f"Failed to open {whole}: Symbolic link loop (os error 40)")
        self.assertEqual(self.refuses(path, "hard"), f"Detected hard link at: {whole}")

    def test_devices(self):
        for device in DEVICES:
            if device == "dev/userfaultfd" and not os.path.exists("/dev/userfaultfd"):
                continue
            for how in ("file", "folder", "nothing", "hard"):
                self.assertIn("File exists (os error 17)", self.refuses(f"{IN_JAIL}/{device}", how))

    def test_pid_file(self):
        for how in ("file", "folder", "nothing", "hard"):
            self.assertIn("exists; --clean removes", self.refuses(f"{IN_JAIL}/{PROGRAM}.pid", how))

    def test_old_root(self):
        """Where other jailers put the host's root for a moment: this one uses no such path."""
        self.plant(f"{IN_JAIL}/old_root", "folder")
        before = self.outside_state()
        jail = self.jail(jail_id=JAIL)
        jail.api().close()
        self.assertEqual(self.outside_state(), before)
        self.assertTrue(os.path.islink(jail.path("old_root")))
        jail.kill()
        self.assertEqual(self.clean(jail), (0, ""))
        self.assertEqual(self.outside_state(), before)

    def test_base_may_be_reached_over_a_link(self):
        link = os.path.join(self.outside, "base")
        os.symlink(self.base, link)
        jail = self.jail(base=link)
        jail.api().close()
        self.assertTrue(os.path.exists(os.path.join(self.program_folder, jail.jail_id, "root", f"{PROGRAM}.pid")))

    def test_clean_follows_none(self):
        jail = self.jail(jail_id=JAIL)
        jail.api().close()
        jail.kill()
        for name in ("link", "dev/link", "run/link"):
            os.symlink(self.victim_folder, jail.path(name))
            os.link(self.victim, jail.path(f"{name}-hard"))
        with open(os.path.join(self.victim_folder, "content"), "wb"):
            pass
        before = self.outside_state()
        self.assertEqual(self.clean(jail), (0, ""))
        self.assertFalse(os.path.exists(jail.folder))
        self.assertEqual(self.outside_state(), before)

    def test_clean_refuses_links_in_place_of_the_jail(self):
        for path in (".", JAIL):
            planted = self.plant(path, "folder")
            before = self.outside_state()
            jail = self.jail(jail_id=JAIL)
            self.assertEqual(jail.ended(), 1)
            status, text = self.clean(jail)
            self.assertEqual(status, 1)
            self.assertEqual(text, f"mayfly-jailer: Failed to open {planted}: Symbolic link loop (os error 40)\n")
            self.assertEqual(self.outside_state(), before)
            os.unlink(planted)

    def test_control_groups_cannot_hold_links(self):
        """So there is none to plant; a mount in the place of a hierarchy is told by its kind (cgroup_mounts_test.cc)."""
        mounts = cgroup_mounts()
        if "memory" not in mounts:
            raise unittest.SkipTest("no memory controller of version 1 is mounted")
        with self.assertRaises(OSError):
            os.symlink(self.victim_folder, os.path.join(mounts["memory"], "jail-link"))


if __name__ == "__main__":
    main()
