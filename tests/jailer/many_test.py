"""Jails made and cleaned in a loop, several at once: no mount, control group, namespace, process or file stays.

25 of them, or as many as MAYFLY_JAILS says.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from jails import PROGRAM, JailTest, cgroup_mounts, main, needs_root, read, wait_until  # noqa: E402

COUNT = int(os.environ.get("MAYFLY_JAILS", "25"))
AT_ONCE = 5
PARENT = "jails-parent-many"
KINDS = (("",), ("--new-pid-ns",), ("--daemonize",), ("--daemonize", "--new-pid-ns"))


def namespaces():
    """All mount and PID namespaces that a process is in."""
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        for kind in ("mnt", "pid", "net", "user"):
            try:
                found.add(os.readlink(f"/proc/{name}/ns/{kind}"))
            except OSError:
                pass  # It has ended meanwhile, or is a thread of the kernel.
    return found


def programs():
    """The pids of all processes of the jailed program."""
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if read(f"/proc/{name}/cmdline").split("\0")[0] == f"/{PROGRAM}":
                found.add(name)
        except OSError:
            pass
    return found


@needs_root
class ManyTest(JailTest):
    def test_nothing_stays(self):
        mounts = read("/proc/self/mountinfo")
        before_namespaces, before_programs = namespaces(), programs()
        settings = ("--cgroup", "cpu.shares=100", "--cgroup", "memory.limit_in_bytes=1g") \
            if {"cpu", "memory"} <= set(cgroup_mounts()) else ()
        for start in range(0, COUNT, AT_ONCE):
            jails = [self.jail(*filter(None, KINDS[number % len(KINDS)]), *settings, "--parent-cgroup", PARENT,
                               jail_id=f"jail-{number}") for number in range(start, min(start + AT_ONCE, COUNT))]
            for jail in jails:
                with jail.api().connection as connection:
                    self.assertEqual(connection.request("GET", "/").status, 200)
            for jail in jails:
                if jail.process.poll() is None and jail.recorded_pid() == jail.process.pid:
                    jail.kill()
                else:
                    self.assertEqual(jail.ended(), 0, jail.said())
                    self.kill_recorded(jail)
                    jail.kill()
                self.assertEqual(self.clean(jail, "--parent-cgroup", PARENT), (0, ""))
            self.jails.clear()
        self.assertEqual(os.listdir(os.path.join(self.base, PROGRAM)), [])
        for mount in set(cgroup_mounts().values()):
            if os.path.exists(f"{mount}/{PARENT}"):
                self.assertEqual([name for name in os.listdir(f"{mount}/{PARENT}") if name.startswith("jail-")], [])
                os.rmdir(f"{mount}/{PARENT}")
        self.assertEqual(read("/proc/self/mountinfo"), mounts)
        # Other tests may run at the same time: what is new must go away, too.
        wait_until(lambda: not programs() - before_programs, lambda: f"end of {programs() - before_programs}")
        wait_until(lambda: not namespaces() - before_namespaces, "end of the new namespaces")
        print(f"{COUNT} jails", flush=True)


if __name__ == "__main__":
    main()
