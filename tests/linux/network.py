"""The host's side of network tests: a network namespace with persistent TAP interfaces, and programs that run in it."""

import os
import subprocess
import sys

TRAFFIC = os.path.join(os.path.dirname(os.path.realpath(__file__)), "traffic.py")


class Network:
    """Owns a namespace with the interfaces tap0, tap1, ...; interface N of the host is 10.0.N.1, the guest's 10.0.N.2."""

    made = 0

    def __init__(self, taps=1, mtu=1500):
        Network.made += 1
        self.name = f"mayfly-test-{os.getpid()}-{Network.made}"
        self.mtu = mtu
        self.taps = [f"tap{number}" for number in range(taps)]
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        for number, tap in enumerate(self.taps):
            self.run("ip", "tuntap", "add", tap, "mode", "tap", "vnet_hdr")
            self.run("ip", "address", "add", f"10.0.{number}.1/24", "dev", tap)
            self.run("ip", "link", "set", tap, "mtu", str(mtu), "up")

    @property
    def launcher(self):
        """What a command line starts with so that the command runs in this namespace, as the same process."""
        return ["ip", "netns", "exec", self.name]

    def run(self, *command):
        """The output of a command in the namespace that must succeed."""
        result = subprocess.run([*self.launcher, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, check=False)
        if result.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: status {result.returncode}: {result.stdout}")
        return result.stdout

    def start(self, *command):
        """A process in the namespace whose output is kept for communicate()."""
        return subprocess.Popen([*self.launcher, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def traffic(self, *arguments):
        return self.start(sys.executable, "-B", TRAFFIC, *map(str, arguments))

    def statistic(self, tap, name):
        return int(self.run("cat", f"/sys/class/net/{tap}/statistics/{name}"))

    def delete(self):
        subprocess.run(["ip", "netns", "delete", self.name], check=True)
