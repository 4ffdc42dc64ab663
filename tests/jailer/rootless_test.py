"""Jails of an ordinary user: in a user namespace, with the host's devices mounted."""

import os
import shutil
import stat
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from jails import CAPABILITIES, JAILER, MAYFLY, PROGRAM, JailTest, is_alive, main, namespace, needs_kvm, needs_root, read, \
    status_of, wait_until  # noqa: E402

USER, GROUP, KVM_GROUP = 43456, 43457, 43458


def hindrance():
    """Why user namespaces cannot be had, or ''."""
    command = ["setpriv", f"--reuid={USER}", f"--regid={GROUP}", "--clear-groups", "unshare", "--user", "--map-root-user",
               "--mount", "true"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if result.returncode == 0 else f"this host lets no ordinary user make namespaces: {result.stderr.strip()}"


@needs_root
class RootlessTest(JailTest):
    """Started as root, which becomes an ordinary user who is in the group of a /dev/kvm, as hosts have it."""

    def setUp(self):
        super().setUp()
        if reason := hindrance():
            self.skipTest(reason)
        # A tree of devices that this user may use, in the namespace of the launcher alone; and programs that it can read.
        self.launcher = ["unshare", "--mount", "sh", "-ec",
                         f"mount -t tmpfs -o mode=755 none /dev; mkdir /dev/net; mknod -m 666 /dev/null c 1 3; "
                         f"mknod -m 666 /dev/urandom c 1 9; mknod -m 660 /dev/kvm c 10 232; chgrp {KVM_GROUP} /dev/kvm; "
                         f"mknod -m 666 /dev/net/tun c 10 200; "
                         f"exec setpriv --reuid={USER} --regid={GROUP} --groups={KVM_GROUP} -- \"$@\"", "sh"]
        self.programs = os.path.join(self.outside, "bin")
        os.mkdir(self.programs)
        self.jailer, self.program = (shutil.copy(path, self.programs) for path in (JAILER, MAYFLY))
        self.own = os.path.join(self.base, "own")
        os.mkdir(self.own)
        os.chown(self.own, USER, GROUP)

    def rootless(self, *flags, user=None, base=None, **options):
        return self.jail(*flags, user=user, base=base or self.own, launcher=self.launcher, jailer=self.jailer,
                         exec_file=options.pop("exec_file", self.program), **options)

    def clean_rootless(self, jail):
        command = [*self.launcher, self.jailer, "--clean", "--id", jail.jail_id, "--exec-file", PROGRAM,
                   "--chroot-base-dir", jail.base]
        result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        return result.returncode, result.stderr

    def test_life(self):
        jail = self.rootless()
        with jail.api().connection as connection:
            self.assertEqual(connection.request("GET", "/").status, 200)
        pid = jail.process.pid
        self.assertEqual(jail.recorded_pid(), pid)
        status = status_of(pid)
        self.assertEqual(status["Uid"].split(), [str(USER)] * 4)
        self.assertEqual(status["Gid"].split(), [str(GROUP)] * 4)
        for name in CAPABILITIES:
            self.assertEqual(int(status[name], 16), 0, name)
        self.assertEqual(status["NoNewPrivs"], "1")
        for kind in ("user", "mnt"):
            self.assertNotEqual(namespace(pid, kind), namespace("self", kind))
        self.assertEqual(read(f"/proc/{pid}/uid_map").split(), [str(USER), str(USER), "1"])
        self.assertTrue(os.path.samefile(f"/proc/{pid}/root", jail.root))
        self.assertEqual(read(f"/proc/{pid}/environ"), "")
        jail.kill()
        self.assertEqual(self.clean_rootless(jail), (0, ""))
        self.assertEqual(os.listdir(os.path.join(self.own, PROGRAM)), [])

    def test_devices_are_the_hosts_without_set_user_id_and_programs(self):
        jail = self.rootless()
        jail.api().close()
        inside = os.path.join(f"/proc/{jail.process.pid}/root", "dev")
        self.assertEqual(sorted(os.listdir(inside)), ["kvm", "net", "urandom"])
        for name, number in (("kvm", (10, 232)), ("urandom", (1, 9)), ("net/tun", (10, 200))):
            info = os.stat(f"{inside}/{name}")
            self.assertTrue(stat.S_ISCHR(info.st_mode), name)
            self.assertEqual((os.major(info.st_rdev), os.minor(info.st_rdev)), number)
            self.assertTrue(stat.S_ISREG(os.stat(jail.path(f"dev/{name}")).st_mode), "seen by the host")
        mounts = [line.split() for line in read(f"/proc/{jail.process.pid}/mountinfo").splitlines()]
        self.assertEqual(sorted(fields[4] for fields in mounts), ["/", "/dev/kvm", "/dev/net/tun", "/dev/urandom",
                                                                  "/proc/self/pagemap"])
        for fields in mounts:
            if fields[4] != "/":
                self.assertTrue({"nosuid", "noexec"} <= set(fields[5].split(",")), fields)

    @needs_kvm
    def test_monitor_can_use_kvm(self):
        jail = self.rootless()
        jail.api().close()
        folder = f"/proc/{jail.process.pid}/fd"
        # It opens KVM ahead of its need.
        wait_until(lambda: "/dev/kvm" in [os.readlink(f"{folder}/{name}") for name in os.listdir(folder)], "open /dev/kvm")

    def test_daemon_in_a_pid_namespace(self):
        jail = self.rootless("--daemonize", "--new-pid-ns")
        self.assertEqual(jail.ended(), 0, jail.said())
        self.addCleanup(self.kill_recorded, jail)
        jail.api().close()
        pid = jail.recorded_pid()
        self.assertEqual(status_of(pid)["NStgid"].split(), [str(pid), "1"])
        self.assertTrue(is_alive(pid))
        status, text = self.clean_rootless(jail)
        self.assertEqual(status, 1)
        self.assertIn(f"process {pid} still runs", text)

    def test_default_base_is_in_the_users_runtime_folder(self):
        environment = {"XDG_RUNTIME_DIR": self.own, "PATH": os.environ["PATH"]}
        command = [*self.launcher, self.jailer, "--id", "jail-x", "--exec-file", self.program, "--", "--version"]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertTrue(os.path.exists(os.path.join(self.own, "mayfly-jailer", PROGRAM, "jail-x", "root", "run")))
        del environment["XDG_RUNTIME_DIR"]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("Argument 'chroot-base-dir' required: there is no XDG_RUNTIME_DIR", result.stderr)

    def refused_rootless(self, *flags, **options):
        before = self.everything()
        jail = self.rootless(*flags, **options)
        self.assertEqual(jail.ended(), 1, jail.said())
        self.assertEqual(jail.said().count("\n"), 1, jail.said())
        self.assertEqual(self.everything(), before, jail.said())
        return jail.said()

    def test_refusals(self):
        self.assertIn(f"who is not root can jail as {USER} and {GROUP} only", self.refused_rootless(user=(0, 0)))
        self.assertIn("Permission denied (os error 13)", self.refused_rootless(base=self.base))
        self.assertIn("Operation not permitted (os error 1)", self.refused_rootless("--netns", "/proc/self/ns/net"))
        script = os.path.join(self.programs, "script")
        with open(script, "w", encoding="ascii") as file:
            file.write("#!/none")
        os.chmod(script, 0o755)
        self.assertIn("No such file or directory (os error 2)", self.refused_rootless(exec_file=script))

    def test_a_host_that_forbids_it(self):
        """Nobody in a changed root may make a user namespace: user_namespaces(7)."""
        elsewhere = os.path.join(self.outside, "root")
        os.mkdir(elsewhere)
        script = self.launcher[4]
        self.launcher[4] = script.replace("exec ", f"mount --rbind / {elsewhere}; exec chroot {elsewhere} ")
        text = self.refused_rootless()
        self.assertTrue(text.startswith("mayfly-jailer: Failed to make a user namespace: Operation not permitted (os error 1) "
                                        "(only root can jail where user.max_user_namespaces"), text)


if __name__ == "__main__":
    main()
