"""Network cards of a Linux guest: traffic of every kind arrives whole, limits hold, and lost interfaces harm nobody."""

import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import guest as linux  # noqa: E402
import network  # noqa: E402
from guest import core, no_jail, sized  # noqa: E402


class NetTest(linux.GuestTest):
    """What the tests share: a namespace, and a guest with an address on each of its interfaces."""

    def prepare(self):
        super().prepare()
        if os.geteuid() != 0:
            self.skipTest("only root can make network namespaces")

    def make_network(self, **options):
        net = network.Network(**options)
        self.addCleanup(net.delete)
        return net

    def start_on(self, net, settings="", disks=(), launcher=(), nets=None):
        nets = nets or [f"tap={tap}{settings}" for tap in net.taps]
        guest = self.start(*disks, nets=nets, launcher=[*net.launcher, *launcher])
        for number in range(len(net.taps)):
            guest.run(f"ip address add 10.0.{number}.2/24 dev eth{number} && ip link set eth{number} up")
        with open(network.TRAFFIC, encoding="ascii") as program:
            guest.put("/tmp/traffic.py", program.read())
        return guest

    def ping(self, guest, number=0):
        return guest.run(f"ping -q -c 3 -i 0.2 -W 10 10.0.{number}.1")

    def transfer(self, guest, net, number=0):
        """TCP streams both ways, one after the other: what is sent and what is received have the same checksum."""
        mib = sized(1024, 8)
        time_limit = sized(600, 100)
        receiver = net.traffic("receive", 5000)
        sent = guest.run(f"python3 /tmp/traffic.py send 10.0.{number}.1 5000 {mib} 1", time_limit)
        self.assertEqual(receiver.communicate(timeout=time_limit)[0].strip(), sent)
        self.assertEqual(int(sent.split()[0]), mib << 20)

        guest.start_job("receiver", "python3 /tmp/traffic.py receive 5001")
        sender = net.traffic("send", f"10.0.{number}.2", 5001, mib, 2)
        received = guest.finish_job("receiver", time_limit)
        self.assertEqual(sender.communicate(timeout=time_limit)[0].strip(), received)
        self.assertEqual(int(received.split()[0]), mib << 20)


class TransferTest(NetTest):
    def transfer_with(self, mtu, offloads):
        net = self.make_network(mtu=mtu)
        guest = self.start_on(net, f",mtu={mtu}")
        self.assertEqual(guest.run("cat /sys/class/net/eth0/mtu"), str(mtu))
        if not offloads:
            guest.run("ethtool -K eth0 tx off sg off tso off gso off gro off")
            net.run("ethtool", "-K", "tap0", "tx", "off", "sg", "off", "tso", "off", "gso", "off", "gro", "off")
        state = guest.run("ethtool -k eth0")
        self.assertRegex(state, rf"(?m)^tcp-segmentation-offload: {'on' if offloads else 'off'}")
        self.assertRegex(state, rf"(?m)^tx-checksumming: {'on' if offloads else 'off'}")
        self.ping(guest)
        self.transfer(guest, net)
        # The largest datagrams as well, which both sides cut into fragments.
        guest.run("ping -q -c 3 -i 0.2 -W 10 -s 60000 10.0.0.1")
        guest.end()

    @core
    def test_mtu_1500(self):
        self.transfer_with(1500, offloads=True)

    def test_mtu_1500_without_offloads(self):
        self.transfer_with(1500, offloads=False)

    def test_mtu_9000(self):
        self.transfer_with(9000, offloads=True)

    def test_mtu_9000_without_offloads(self):
        self.transfer_with(9000, offloads=False)

    def test_mac_address_is_the_one_given(self):
        guest = self.start_on(self.make_network(), ",mac=06:00:ac:10:00:02")
        self.assertEqual(guest.run("cat /sys/class/net/eth0/address"), "06:00:ac:10:00:02")
        self.ping(guest)
        guest.end()

    @no_jail("the jailer closes all descriptors but the standard streams")
    def test_interface_given_by_descriptor(self):
        net = self.make_network()
        # Opens the interface and becomes the monitor, which inherits it as descriptor 9.
        open_tap = """
import fcntl, os, struct, sys
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR, TUNSETIFF = 2, 0x1000, 0x4000, 0x400454ca
fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"tap0", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
os.dup2(fd, 9)
os.execvp(sys.argv[1], sys.argv[1:])
"""
        guest = self.start_on(net, nets=["fd=9"], launcher=[sys.executable, "-c", open_tap])
        self.ping(guest)
        self.transfer(guest, net)
        guest.end()

    def test_iperf3_both_ways(self):
        net = self.make_network()
        guest = self.start_on(net)
        server = net.start("iperf3", "--server", "--bind", "10.0.0.1", "--forceflush")
        self.addCleanup(server.communicate)
        self.addCleanup(server.kill)
        seconds = sized(10, 3)
        for name, flags in (("to the host", ""), ("to the guest", "-R"), ("four streams", "-P 4")):
            output = ""
            for _ in range(50):
                status, output = guest.attempt(f"iperf3 -c 10.0.0.1 -t {seconds} {flags} -f m", seconds + linux.ANSWER_S)
                if status == 0 or "unable to connect" not in output:
                    break
            self.assertEqual(status, 0, output)
            rates = re.findall(r"([0-9.]+) Mbits/sec +receiver", output)
            self.assertTrue(rates, output)
            print(f"iperf3 {name}: {rates[-1]} Mbit/s", file=sys.stderr)
            self.assertGreater(float(rates[-1]), sized(100, 1))
        guest.end()


class FloodTest(NetTest):
    def check_after(self, guest, net):
        self.ping(guest)
        self.transfer(guest, net)
        guest.end()

    @core
    def test_guest_survives_a_flood_of_small_frames(self):
        net = self.make_network()
        guest = self.start_on(net)
        seconds = sized(30, 5)
        received = "cat /sys/class/net/eth0/statistics/rx_packets"
        before = int(guest.run(received))
        sender = net.traffic("flood", "10.0.0.2", 9, seconds, 18)
        count = int(sender.communicate(timeout=seconds + linux.ANSWER_S)[0])
        arrived = int(guest.run(received)) - before
        print(f"flood to the guest: {count} sent, {arrived} arrived in {seconds} s", file=sys.stderr)
        self.assertGreater(arrived, 100 * seconds)
        self.check_after(guest, net)

    def test_guest_floods_the_host(self):
        net = self.make_network()
        guest = self.start_on(net)
        seconds = sized(30, 5)
        before = net.statistic("tap0", "rx_packets")
        count = int(guest.run(f"python3 /tmp/traffic.py flood 10.0.0.1 9 {seconds} 18", seconds + linux.ANSWER_S))
        arrived = net.statistic("tap0", "rx_packets") - before
        print(f"flood to the host: {count} sent, {arrived} arrived in {seconds} s", file=sys.stderr)
        self.assertGreater(arrived, 100 * seconds)
        self.check_after(guest, net)


class LimitTest(NetTest):
    """The rates that a card is limited to are kept, and reached."""

    SECONDS = sized(20, 8)
    # What the limiter counts beyond the frame, the header before it, is too small to matter with such payloads.
    LARGE, SMALL = 1400, 18

    def check_transmit(self, flag, limit, payload_bytes, statistic):
        net = self.make_network()
        guest = self.start_on(net, f",{flag}={limit}")
        guest.start_job("flood", f"python3 /tmp/traffic.py flood 10.0.0.1 9 1000 {payload_bytes}")
        rate = self.measured_rate(net, statistic, limit)
        guest.run("pkill python3; wait")
        guest.end()
        self.check_rate(flag, limit, rate)

    def check_receive(self, flag, limit, payload_bytes, statistic):
        net = self.make_network()
        guest = self.start_on(net, f",{flag}={limit}")
        flood = net.traffic("flood", "10.0.0.2", 9, 1000, payload_bytes)
        self.addCleanup(flood.communicate)
        self.addCleanup(flood.kill)
        rate = self.measured_rate(net, statistic, limit)
        flood.kill()
        # The guest may lag behind, so the rate is that at which the monitor takes frames from the interface; all arrive.
        received = "cat /sys/class/net/eth0/statistics/rx_packets"
        self.eventually(lambda: int(guest.run(received)) == net.statistic("tap0", "tx_packets"), "all frames")
        guest.end()
        self.check_rate(flag, limit, rate)

    def measured_rate(self, net, statistic, limit):
        """What the host's interface counts in a second, after the bucket that starts full has been emptied."""
        before = net.statistic("tap0", statistic)
        self.eventually(lambda: net.statistic("tap0", statistic) - before > limit * 1.5, "a second's worth and a half")
        first, start = net.statistic("tap0", statistic), time.monotonic()
        time.sleep(self.SECONDS)
        last, end = net.statistic("tap0", statistic), time.monotonic()
        return (last - first) / (end - start)

    def check_rate(self, flag, limit, rate):
        print(f"{flag}={limit}: {rate:.0f} a second", file=sys.stderr)
        self.assertAlmostEqual(rate / limit, 1, delta=0.1)

    def test_transmit_bandwidth(self):
        self.check_transmit("tx-bandwidth", 500000, self.LARGE, "rx_bytes")

    def test_transmit_operations(self):
        self.check_transmit("tx-ops", 200, self.SMALL, "rx_packets")

    def test_receive_bandwidth(self):
        self.check_receive("rx-bandwidth", 500000, self.LARGE, "tx_bytes")

    def test_receive_operations(self):
        self.check_receive("rx-ops", 200, self.SMALL, "tx_packets")


class FaultTest(NetTest):
    @core
    def test_interface_deleted_while_running(self):
        net = self.make_network(taps=2)
        guest = self.start_on(net)
        self.ping(guest)
        self.assertEqual(guest.run("cat /sys/class/net/eth0/carrier"), "1")
        net.run("ip", "link", "delete", "tap0")
        self.eventually(lambda: guest.run("cat /sys/class/net/eth0/carrier") == "0", "the carrier is down")
        # Neither the guest's sending nor its other card suffers.
        guest.attempt("ping -q -c 2 -i 0.2 -W 1 10.0.0.1")
        self.ping(guest, 1)
        self.transfer(guest, net, 1)
        guest.end(quiet=False)
        self.assertIn("tap0", guest.complaints())

    def test_driver_is_unbound_and_bound_under_load(self):
        rounds = sized(100, 10)
        print(f"{rounds} rounds", file=sys.stderr)
        net = self.make_network()
        guest = self.start_on(net)
        guest.put("/tmp/rebind.sh", f"""
device=$(basename "$(readlink /sys/class/net/eth0/device)")
for round in $(seq {rounds // 2}); do
  ping -q -f -c 1000 -s 8000 10.0.0.1 >/dev/null 2>&1 &
  sleep 0.0$((round % 10))
  echo "$device" >/sys/bus/virtio/drivers/virtio_net/unbind || exit 1
  [ ! -e /sys/class/net/eth0 ] || exit 2
  kill $! 2>/dev/null
  wait $!
  echo "$device" >/sys/bus/virtio/drivers/virtio_net/bind || exit 3
  ip address add 10.0.0.2/24 dev eth0 && ip link set eth0 up || exit 4
  [ "$1" = flooded ] || ping -q -c 1 -W 20 10.0.0.1 >/dev/null || exit 5
done
""")
        # At full speed, where the answers to the guest drown; then so that each round shows that the card works.
        for word, pause_s in (("flooded", 0), ("answered", 0.01)):
            flood = net.traffic("flood", "10.0.0.2", 9, 10000, 1000, pause_s)
            self.addCleanup(flood.communicate)
            self.addCleanup(flood.kill)
            guest.run(f"sh /tmp/rebind.sh {word}", sized(600, 200))
            flood.kill()
            self.ping(guest)
        self.transfer(guest, net)
        guest.end()


class ManyTest(NetTest):
    def test_eight_disks_and_four_cards_at_once(self):
        net = self.make_network(taps=4)
        mib = sized(256, 2)
        # With the root disk there are eight.
        disks = [f"path={self.disk_file(f'disk{number}', mib)}" for number in range(7)]
        guest = self.start_on(net, disks=disks)
        names = [f"vd{letter}" for letter in "bcdefgh"]
        self.assertEqual(guest.run("ls /sys/block").split(), ["vda", *names])
        jobs = " ".join(f"--name={name} --filename=/dev/{name}" for name in names)
        guest.start_loop("disks", f"fio --thread --size={mib}m --direct=1 --rw=randwrite --bs=16k --ioengine=libaio --iodepth=4 "
                         f"--verify=crc32c --verify_fatal=1 --verify_state_save=0 --minimal {jobs}")
        guest.start_loop("root", "dd if=/dev/vda of=/dev/null bs=64k count=64 iflag=direct; sleep 0.2")
        for number in range(4):
            guest.start_loop(f"net{number}", f"ping -q -c 10 -i 0.2 -s 1400 -W 20 10.0.{number}.1")
        for number in sized(range(4), [3]):
            self.transfer(guest, net, number)
        for job in ("disks", "root", *(f"net{number}" for number in range(4))):
            guest.finish_loop(job, sized(600, 200))
        guest.end()


class FlagsTest(NetTest):
    """Wrong flags and interfaces that cannot serve: one line that says what, and the right exit status."""

    @core
    def test_malformed_flags(self):
        for flag in ("", "tap=", "tap=t,fd=3", "mac=06:00:00:00:00:01", "fd=", "fd=x", "fd=-1", "tap=t,bogus", "tap=t,bogus=1",
                     "tap=t,mac=06:00", "tap=t,mac=zz:00:00:00:00:01", "tap=t,mac=01:00:5e:00:00:01", "tap=t,mtu=0",
                     "tap=t,mtu=67", "tap=t,mtu=65536", "tap=t,mtu=big", "tap=t,tap=u", "tap=t,rx-bandwidth=0",
                     "tap=t,tx-ops=many", "tap=t,rx-ops=1/2/3/4", "fd=0"):
            with self.subTest(flag=flag):
                self.check_refused(["--net", flag], 2, "--net")

    @core
    def test_interfaces_that_cannot_serve(self):
        net = self.make_network()
        self.check_refused(["--net", "tap=tap7"], 1, "tap7", launcher=net.launcher)
        self.check_refused(["--net", "tap=lo"], 1, "lo", launcher=net.launcher)
        self.check_refused(["--net", "tap=sixteen-letters-"], 1, "sixteen-letters-", launcher=net.launcher)
        with open(network.TRAFFIC, "rb") as file:
            self.check_refused(["--net", f"fd={file.fileno()}"], 1, str(file.fileno()), launcher=net.launcher,
                               pass_fds=[file.fileno()])
        self.check_refused(["--net", "fd=77"], 1, "77", launcher=net.launcher)
        self.check_refused(["--net", "tap=tap0", "--net", "tap=tap0"], 1, "tap0", launcher=net.launcher)
        self.assertNotIn("tap7", net.run("ip", "link"))

    def test_busy_interface(self):
        net = self.make_network()
        guest = self.start_on(net)
        self.check_refused(["--net", "tap=tap0"], 1, "tap0", "busy", launcher=net.launcher)
        self.ping(guest)
        guest.end()


if __name__ == "__main__":
    unittest.main(verbosity=2)
