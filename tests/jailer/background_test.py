"""--daemonize and --new-pid-ns: who is who, the pid file, and the jailer's exit status."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from jails import CAPABILITIES, USER, JailTest, cgroup_mounts, main, namespace, needs_root, read, status_of  # noqa: E402


def parent_of(pid):
    try:
        return int(status_of(pid)["PPid"])
    except (FileNotFoundError, ProcessLookupError):
        return None  # It has ended meanwhile.


@needs_root
class BackgroundTest(JailTest):
    def background(self, *flags, **options):
        """A jail whose jailer has ended with 0, and the pid of the program, which is ended with the test."""
        jail = self.jail(*flags, **options)
        self.assertEqual(jail.ended(), 0, jail.said())
        self.addCleanup(self.kill_recorded, jail)
        pid = jail.recorded_pid()
        self.assertNotEqual(pid, jail.process.pid)
        with jail.api().connection as connection:
            self.assertEqual(connection.request("GET", "/").status, 200)
        status = status_of(pid)
        self.assertEqual(status["Uid"].split(), [str(USER)] * 4)
        for name in CAPABILITIES:
            self.assertEqual(int(status[name], 16), 0, name)
        return jail, pid

    def session_and_parent(self, pid):
        fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        return int(fields[3]), int(fields[1])

    def test_daemon(self):
        jail, pid = self.background("--daemonize")
        for stream in range(3):
            self.assertEqual(os.readlink(f"/proc/{pid}/fd/{stream}"), "/dev/null")
        session, parent = self.session_and_parent(pid)
        self.assertNotEqual(session, os.getsid(0))
        self.assertNotEqual(session, pid)
        self.assertNotIn(parent, (os.getpid(), jail.process.pid))
        self.assertEqual(namespace(pid, "pid"), namespace("self", "pid"))
        self.assertEqual(jail.said() + jail.said(0), "")

    def test_pid_namespace(self):
        _, pid = self.background("--new-pid-ns")
        self.assertEqual(status_of(pid)["NStgid"].split(), [str(pid), "1"])
        self.assertNotEqual(namespace(pid, "pid"), namespace("self", "pid"))
        self.assertEqual(self.session_and_parent(pid)[0], os.getsid(0))
        self.assertNotEqual(os.readlink(f"/proc/{pid}/fd/1"), "/dev/null")

    def test_daemon_in_a_pid_namespace(self):
        _, pid = self.background("--daemonize", "--new-pid-ns")
        self.assertEqual(status_of(pid)["NStgid"].split(), [str(pid), "1"])
        self.assertEqual(os.readlink(f"/proc/{pid}/fd/2"), "/dev/null")
        self.assertNotEqual(self.session_and_parent(pid)[0], os.getsid(0))

    def test_times_of_a_fork(self):
        _, pid = self.background("--new-pid-ns")
        words = read(f"/proc/{pid}/cmdline").split("\0")
        self.assertEqual(words[words.index("--start-time-cpu-us") + 1], "0")
        self.assertGreater(int(words[words.index("--parent-cpu-time-us") + 1]), 0)

    def test_leaves_no_zombie_and_no_pipe(self):
        jail, pid = self.background("--daemonize", "--new-pid-ns")
        files = [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
        self.assertFalse([name for name in files if name.startswith("pipe:")], files)
        children = [name for name in filter(str.isdigit, os.listdir("/proc")) if parent_of(name) == jail.process.pid]
        self.assertEqual(children, [])

    def test_control_groups_hold_the_program_alone(self):
        if "cpu" not in cgroup_mounts():
            self.skipTest("no cpu controller of version 1 is mounted")
        jail, pid = self.background("--daemonize", "--cgroup", "cpu.shares=100", "--parent-cgroup", "jails-parent")
        group = os.path.join(cgroup_mounts()["cpu"], "jails-parent", jail.jail_id)
        self.assertEqual(read(f"{group}/cgroup.procs").split(), [str(pid)])
        self.assertIn(f"process {pid} still runs", self.clean(jail, "--parent-cgroup", "jails-parent")[1])
        self.kill_recorded(jail)
        self.assertEqual(self.clean(jail, "--parent-cgroup", "jails-parent"), (0, ""))
        self.assertFalse(os.path.exists(group))

    def kill_recorded(self, jail):
        if os.path.exists(jail.pid_file):
            try:
                super().kill_recorded(jail)
            except ProcessLookupError:
                pass


if __name__ == "__main__":
    main()
