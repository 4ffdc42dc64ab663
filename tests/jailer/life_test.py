"""What a jailed monitor is and sees: identity, files, devices, namespaces, limits, arguments."""

import json
import os
import stat
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from jails import CAPABILITIES, GROUP, MAYFLY, PROGRAM, USER, JailTest, main, namespace, needs_kvm, needs_root, \
    read, status_of  # noqa: E402
import tiny_guest  # noqa: E402


def limits_of(pid, name):
    """Soft and hard limit of the line `name` of /proc/PID/limits."""
    line = next(line for line in read(f"/proc/{pid}/limits").splitlines() if line.startswith(name))
    return line.removeprefix(name).split()[:2]


@needs_root
class LifeTest(JailTest):
    def test_api_answers_and_the_monitor_has_no_privileges(self):
        jail = self.jail("--resource-limit", "no-file=1000", "--resource-limit", "fsize=123456789")
        with jail.api().connection as connection:
            self.assertEqual(connection.request("GET", "/").json()["id"], "jail-0")
        pid = jail.process.pid
        self.assertEqual(jail.recorded_pid(), pid)
        status = status_of(pid)
        self.assertEqual(status["Uid"].split(), [str(USER)] * 4)
        self.assertEqual(status["Gid"].split(), [str(GROUP)] * 4)
        self.assertEqual(status["Groups"], "")
        for name in CAPABILITIES:
            self.assertEqual(int(status[name], 16), 0, name)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(limits_of(pid, "Max open files"), ["1000", "1000"])
        self.assertEqual(limits_of(pid, "Max file size"), ["123456789", "123456789"])
        self.assertEqual(limits_of(pid, "Max core file size"), ["0", "0"])

    def test_default_limits(self):
        jail = self.jail()
        jail.api().close()
        self.assertEqual(limits_of(jail.process.pid, "Max open files"), ["2048", "2048"])
        self.assertEqual(limits_of(jail.process.pid, "Max file size"), limits_of("self", "Max file size"))

    def test_files_and_devices(self):
        jail = self.jail(umask=0o027)
        jail.api().close()
        found = {}
        for folder, folders, files in os.walk(jail.root):
            for name in folders + files:
                path = os.path.join(folder, name)
                info = os.lstat(path)
                number = (os.major(info.st_rdev), os.minor(info.st_rdev)) if stat.S_ISCHR(info.st_mode) else None
                found[os.path.relpath(path, jail.root)] = (stat.filemode(info.st_mode), info.st_uid, info.st_gid, number)
        folder = ("drwx------", USER, GROUP, None)
        device = ("crw-------", USER, GROUP)
        wanted = {"dev": folder, "dev/net": folder, "run": folder,
                  "dev/kvm": (*device, (10, 232)), "dev/net/tun": (*device, (10, 200)), "dev/urandom": (*device, (1, 9)),
                  PROGRAM: (stat.filemode(os.stat(MAYFLY).st_mode), USER, GROUP, None),
                  f"{PROGRAM}.pid": ("-rw-r--r--", 0, 0, None),
                  # What the monitor sees in the place of this file is its own page map.
                  "proc": ("dr-xr-xr-x", 0, 0, None), "proc/self": ("dr-xr-xr-x", 0, 0, None),
                  "proc/self/pagemap": ("-rw-------", 0, 0, None),
                  # Made by the monitor under the mask of whoever called the jailer.
                  "run/firecracker.socket": ("srwxr-x---", USER, GROUP, None)}
        for line in read("/proc/misc").splitlines():
            if line.split()[1] == "userfaultfd":
                wanted["dev/userfaultfd"] = (*device, (10, int(line.split()[0])))
        self.assertEqual(found, wanted)
        info = os.stat(jail.root)
        self.assertEqual((stat.filemode(info.st_mode), info.st_uid, info.st_gid), ("drwx------", USER, GROUP))
        for parent in (jail.folder, os.path.dirname(jail.folder)):
            self.assertEqual((stat.filemode(os.stat(parent).st_mode), os.stat(parent).st_uid), ("drwxr-xr-x", 0))

    def test_root_and_namespaces(self):
        jail = self.jail()
        jail.api().close()
        pid = jail.process.pid
        self.assertTrue(os.path.samefile(f"/proc/{pid}/root", jail.root))
        self.assertTrue(os.path.samefile(f"/proc/{pid}/cwd", jail.root))
        mounts = read(f"/proc/{pid}/mountinfo").splitlines()
        self.assertEqual(sorted(line.split()[4] for line in mounts), ["/", "/proc/self/pagemap"])
        self.assertEqual(os.stat(os.path.join(f"/proc/{pid}/root", "proc/self/pagemap")).st_uid, USER)
        self.assertNotEqual(namespace(pid, "mnt"), namespace("self", "mnt"))
        for kind in ("net", "pid", "user"):
            self.assertEqual(namespace(pid, kind), namespace("self", kind))
        self.assertNotIn(self.base, read("/proc/self/mountinfo"))

    def test_inherits_standard_streams_and_nothing_else(self):
        with open(os.path.join(self.outside, "secret"), "wb") as secret:
            jail = self.jail(env={"SECRET": "1"}, pass_fds=[secret.fileno()])
            jail.api().close()
            pid = jail.process.pid
            self.assertEqual(read(f"/proc/{pid}/environ"), "")
            files = [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
            self.assertNotIn(secret.name, files)
            self.assertFalse([name for name in files if name.startswith(self.base)], files)

    def test_closed_standard_streams_are_no_place_for_files(self):
        jail = self.jail(launcher=["sh", "-c", "exec \"$@\" <&- >&- 2>&-", "sh"])
        jail.api().close()
        for stream in range(3):
            self.assertEqual(os.readlink(f"/proc/{jail.process.pid}/fd/{stream}"), "/dev/null")

    def test_arguments(self):
        jail = self.jail(arguments=["--api-sock", "/api.sock", "--level", "Debug"])
        jail.api("/api.sock").close()
        words = read(f"/proc/{jail.process.pid}/cmdline").split("\0")[:-1]
        self.assertEqual(words[:3], [f"/{PROGRAM}", "--id", jail.jail_id])
        self.assertEqual(words[3::2][:3], ["--start-time-us", "--start-time-cpu-us", "--parent-cpu-time-us"])
        self.assertTrue(all(word.isdigit() for word in words[4:9:2]), words)
        self.assertEqual(words[9:], ["--api-sock", "/api.sock", "--level", "Debug"])

    def test_program_ends_the_jail_with_its_status(self):
        jail = self.jail(arguments=["--version"])
        self.assertEqual(jail.ended(), 0)
        self.assertIn("Mayfly v", jail.said(0))
        self.assertEqual(self.jail(arguments=["--unknown"]).ended(), 153)

    @needs_kvm
    def test_guest_runs(self):
        root = os.path.join(self.base, PROGRAM, "jail-0", "root")
        os.makedirs(root)
        with open(os.path.join(root, "kernel"), "wb") as file:
            file.write(tiny_guest.elf(tiny_guest.HELLO_THEN_RESET))
        jail = self.jail(arguments=["--metrics-path", "/metrics"])
        with jail.api().connection as connection:
            for target, body in (("/machine-config", {"vcpu_count": 1, "mem_size_mib": 32}),
                                 ("/boot-source", {"kernel_image_path": "kernel"}),
                                 ("/actions", {"action_type": "InstanceStart"})):
                response = connection.request("PUT", target, body)
                self.assertEqual(response.status, 204, response)
        self.assertEqual(jail.ended(), 0, jail.said())
        self.assertIn("hello\n", jail.said(0))
        times = json.loads(read(jail.path("metrics")).splitlines()[-1])["api_server"]
        self.assertTrue(0 < times["process_startup_time_us"] < 20_000_000, times)
        self.assertTrue(0 < times["process_startup_time_cpu_us"] < 20_000_000, times)

    def test_mounts_of_the_host_are_seen_inside(self):
        base = os.path.join(self.base, "shared")
        os.mkdir(base)
        self.mount_tmpfs(base)
        subprocess.run(["mount", "--make-shared", base], check=True)
        root = os.path.join(base, PROGRAM, "jail-0", "root")
        for name in ("before", "after"):
            os.makedirs(os.path.join(root, name))
        self.mount_tmpfs(os.path.join(root, "before"), "one")
        jail = self.jail(base=base)
        jail.api().close()
        self.mount_tmpfs(os.path.join(root, "after"), "two")
        inside = f"/proc/{jail.process.pid}/root"
        self.assertEqual(os.listdir(f"{inside}/before"), ["one"])
        self.assertEqual(os.listdir(f"{inside}/after"), ["two"])
        jail.kill()
        self.assertEqual(self.clean(jail), (0, ""))
        self.assertNotIn(root, read("/proc/self/mountinfo"))
        self.assertEqual(os.listdir(os.path.join(base, PROGRAM)), [])

    def mount_tmpfs(self, path, *names):
        subprocess.run(["mount", "-t", "tmpfs", "none", path], check=True)
        self.addCleanup(subprocess.run, ["umount", "-q", "-l", path], check=False, stderr=subprocess.DEVNULL)
        for name in names:
            with open(os.path.join(path, name), "wb"):
                pass


@needs_root
class NetworkNamespaceTest(JailTest):
    def setUp(self):
        super().setUp()
        self.name = f"mayfly-{os.getpid()}"
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.addCleanup(subprocess.run, ["ip", "netns", "delete", self.name], check=False)
        self.path = f"/run/netns/{self.name}"

    def test_joins_by_path_and_by_link(self):
        link = os.path.join(self.outside, "link")
        os.symlink(self.path, link)
        for path in (self.path, link):
            jail = self.jail("--netns", path)
            jail.api().close()
            self.assertEqual(namespace(jail.process.pid, "net"), f"net:[{os.stat(self.path).st_ino}]")
            self.assertNotEqual(namespace(jail.process.pid, "net"), namespace("self", "net"))


if __name__ == "__main__":
    main()
