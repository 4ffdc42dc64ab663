"""Real Linux kernels boot, see the machine they were promised, and end it. Needs KVM with hardware virtualization."""

import fcntl
import functools
import itertools
import os
import re
import signal
import subprocess
import sys
import termios
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import machine  # noqa: E402
from guest import core  # noqa: E402

MACHINE = machine.Machine()
BANNER = re.compile(r"Mayfly guest: Linux (6\.12\S*), (\d+) CPUs?, .*up in ([0-9.]+) s")
# QEMU's interpreter, which the test bed is, loses an interrupt now and then, and may miss that another CPU patched an
# instruction (tests/testbed/README.md): there a guest gets three attempts, each failure is printed, and what fails three
# times fails. On real hardware there is one attempt.
BED_ATTEMPTS = 3 if os.environ.get("MAYFLY_TESTBED") else 1
BED_FAULTS = ("Oops: int3", "Fatal exception in interrupt")
# What a kernel keeps of RAM for itself: its image, its page structures (1.6 %) and some more.
MIN_SHARE, FIXED_MIB = 0.96, 40
# The end of a guest that prints a lot, byte by byte: 10 s in the test bed on two idle cores.
FLOOD_S = 50


def retried_in_bed(test):
    """The same attempts for a test that types at a guest."""
    @functools.wraps(test)
    def attempts(self):
        for attempt in range(1, BED_ATTEMPTS + 1):
            try:
                return test(self)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                if attempt == BED_ATTEMPTS:
                    raise
                print(f"RETRIED in the test bed: {str(error)[:200]}", file=sys.stderr)
                self.tearDown()
        return None
    return attempts


class BootTest(unittest.TestCase):
    def run_guest(self, *arguments, **options):
        """Machine.run; in the test bed again where a guest hung, died or showed no sign of life: see BED_ATTEMPTS."""
        for attempt in range(1, BED_ATTEMPTS + 1):
            try:
                guest = MACHINE.run(*arguments, **options)
                fault = next((sign for sign in BED_FAULTS if sign in guest.stdout), None)
                if fault is None and guest.returncode != 0:
                    fault = f"exit status {guest.returncode}"
            except subprocess.TimeoutExpired as error:
                guest, fault = None, str(error)
            if guest is not None and (fault is None or attempt == BED_ATTEMPTS):
                return guest
            if attempt < BED_ATTEMPTS:
                print(f"RETRIED in the test bed: {fault[:200]}", file=sys.stderr)
        return self.fail(f"hung {BED_ATTEMPTS} times: {fault}")

    def check_ended(self, guest):
        self.assertEqual(guest.returncode, 0, guest.stdout + guest.stderr)
        self.assertEqual(guest.stderr, "")

    def check_booted(self, guest):
        self.check_ended(guest)
        self.assertRegex(guest.stdout, BANNER)

    @core
    def test_vcpus_and_memory_agree(self):
        self.check_vcpus_and_memory((1, 128), (2, 3500), (4, 5000))

    def test_all_pairs_of_vcpus_and_memory_agree(self):
        self.check_vcpus_and_memory(*itertools.product((1, 2, 4), (128, 3500, 5000)))

    def check_vcpus_and_memory(self, *machines):
        for vcpus, mib in machines:
            with self.subTest(vcpus=vcpus, mib=mib):
                guest = self.run_guest('mayfly.exec="nproc; grep MemTotal /proc/meminfo"',
                                    flags=["--vcpus", str(vcpus), "--memory-mib", str(mib)])
                self.check_booted(guest)
                self.assertRegex(guest.stdout, rf"(?m)^{vcpus}\r?$")
                total_mib = int(re.search(r"MemTotal:\s+(\d+) kB", guest.stdout)[1]) / 1024
                self.assertLessEqual(total_mib, mib)
                self.assertGreaterEqual(total_mib, mib * MIN_SHARE - FIXED_MIB)

    @core
    def test_every_image_of_the_stripped_kernel_boots(self):
        for kernel in (MACHINE.vmlinux, MACHINE.vmlinux_nopvh, MACHINE.bzimage):
            with self.subTest(kernel=os.path.basename(kernel)):
                self.check_booted(self.run_guest("mayfly.poweroff", kernel=kernel))

    @core
    def test_debian_cloud_kernel_boots_unaltered(self):
        guest = self.run_guest('mayfly.exec="uname -r; nproc"', kernel=MACHINE.debian_vmlinuz,
                            flags=["--vcpus", "2", "--memory-mib", "512"])
        self.check_ended(guest)
        self.assertRegex(guest.stdout, r"Mayfly guest: Linux \S+-cloud-amd64, 2 CPUs")

    @core
    def test_huge_page_kinds_boot(self):
        self.check_booted(self.run_guest("mayfly.poweroff", flags=["--huge-pages", "Transparent"]))

    @core
    def test_without_acpi_the_mp_table_and_reset_serve(self):
        guest = self.run_guest('acpi=off mayfly.exec="nproc; cat /proc/interrupts"', flags=["--vcpus", "2"])
        self.check_booted(guest)
        self.assertRegex(guest.stdout, r"(?m)^2\r?$")
        self.assertRegex(guest.stdout, r"(?m)^\s*4:.*IO-APIC.*ttyS0")

    @core
    def test_serial_port_has_its_interrupt(self):
        guest = self.run_guest('mayfly.exec="cat /proc/interrupts"')
        self.check_booted(guest)
        self.assertRegex(guest.stdout, r"(?m)^\s*\d+:.*IO-APIC.*ttyS0")

    @core
    def test_generation_id_and_clock_are_found(self):
        guest = self.run_guest('mayfly.exec="readlink -f /sys/bus/platform/devices/VMGENCTR:00/driver; '
                               'cat /sys/bus/acpi/devices/AMZNC10C:00/path; cat /proc/interrupts; dmesg"')
        self.check_booted(guest)
        self.assertIn("/sys/bus/platform/drivers/vmgenid", guest.stdout)
        self.assertIn("\\_SB_.VCLK", guest.stdout)
        for gsi in (22, 23):
            self.assertRegex(guest.stdout, rf"(?m)^\s*\d+:.*IO-APIC\s+{gsi}-edge\s+ACPI:Ged")
        self.assertNotRegex(guest.stdout, r"ACPI.*(Error|Exception|Warning)|AE_[A-Z]")
        self.assertNotIn("virtual machine fork", guest.stdout)

    @core
    def test_guest_sees_no_virtualization_extensions(self):
        guest = self.run_guest('mayfly.exec="cat /proc/cpuinfo"')
        self.check_booted(guest)
        flags = re.search(r"flags\s*:(.*)", guest.stdout)[1].split()
        self.assertIn("hypervisor", flags)
        self.assertFalse({"vmx", "svm"} & set(flags))

    @core
    def test_boot_timer_is_reported(self):
        guest = self.run_guest("mayfly.boot_timer mayfly.poweroff", flags=["--boot-timer"])
        self.assertEqual(guest.returncode, 0)
        self.assertRegex(guest.stderr, r"Guest-boot-time = +\d+ us \d+ ms, +\d+ CPU us \d+ CPU ms")

    @core
    def test_timings_end_at_the_first_kvm_run(self):
        guest = self.run_guest("mayfly.poweroff", flags=["--timings"])
        self.assertEqual(guest.returncode, 0)
        for phase in ("exec to main", "KVM_CREATE_VM", "load kernel", "set up vCPUs", "total"):
            self.assertRegex(guest.stderr, rf"(?m)^{phase}.* us$")

    @core
    def test_reboot_and_power_off_end_with_status_0(self):
        self.check_booted(self.run_guest("mayfly.poweroff mayfly.reboot"))
        self.check_booted(self.run_guest('mayfly.exec="poweroff -f"'))
        self.check_booted(self.run_guest('mayfly.exec="reboot -f"'))

    @core
    def test_panic_reboots(self):
        self.check_ended(self.run_guest("rdinit=/nonexistent"))

    @core
    def test_a_script_on_standard_input_runs_to_its_end(self):
        guest = subprocess.run(MACHINE.command("mayfly.batch"), input="echo six times seven is $((6 * 7))\n",
                               capture_output=True, text=True, timeout=machine.TIMEOUT_S, check=False)
        self.check_booted(guest)
        self.assertIn("six times seven is 42", guest.stdout)


class ConsoleTest(unittest.TestCase):
    def setUp(self):
        self.terminal = None

    def tearDown(self):
        if self.terminal:
            self.terminal.close()

    def start(self, extra="", **options):
        self.terminal = machine.Terminal(MACHINE.command(extra, **options))
        self.modes = termios.tcgetattr(self.terminal.slave)
        self.terminal.expect("Mayfly guest: Linux")
        self.terminal.expect("# ")
        return self.terminal

    def check_restored(self):
        self.assertEqual(termios.tcgetattr(self.terminal.slave)[:4], self.modes[:4])

    @core
    @retried_in_bed
    def test_typing_at_the_shell(self):
        terminal = self.start()
        # The echo of the line has the expression, the answer has the result.
        terminal.type("echo answer=$((40 + 2))\r")
        terminal.expect("answer=42")
        terminal.type("head -c 300 /dev/zero | tr '\\0' x | wc -c\r")
        terminal.expect("300")
        terminal.expect("# ")
        # Ctrl-C reaches the guest, not the monitor. The shell reads lines in raw mode: it is a signal only once the
        # command has the terminal.
        terminal.type("sh -c 'echo running $((1 + 1)); exec sleep 1000'\r")
        terminal.expect("running 2")
        terminal.type("\x03")
        terminal.expect("# ")
        terminal.type("exit\r")
        self.assertEqual(terminal.wait(), 0)
        self.check_restored()

    @core
    @retried_in_bed
    def test_a_long_paste_arrives_whole(self):
        terminal = self.start()
        terminal.type("echo running $((1 + 1)); cat > /tmp/paste\r")
        terminal.expect("running 2")
        lines = [f"line {i:04} " + "x" * 40 for i in range(200)]
        for line in lines:
            terminal.type(line + "\r")
            terminal.expect(line)
        terminal.type("\x04")
        terminal.type("md5sum < /tmp/paste; wc -l < /tmp/paste\r")
        terminal.expect("200")
        terminal.type("\x01x")
        self.assertEqual(terminal.wait(), 0)

    @core
    @retried_in_bed
    def test_escape_key_quits_and_restores(self):
        terminal = self.start()
        terminal.type("\x01x")
        self.assertEqual(terminal.wait(), 0)
        self.check_restored()

    @core
    @retried_in_bed
    def test_ctrl_alt_del_reboots(self):
        terminal = self.start()
        terminal.type("\x01d")
        self.assertEqual(terminal.wait(), 0)
        self.check_restored()

    @core
    @retried_in_bed
    def test_signals_restore_the_terminal(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            terminal = self.start()
            terminal.process.send_signal(number)
            self.assertEqual(terminal.wait(), 128 + number)
            self.check_restored()
            terminal.close()

    @core
    @retried_in_bed
    def test_a_terminal_that_goes_away_ends_the_monitor(self):
        terminal = self.start()
        os.close(terminal.slave)
        terminal.slave = -1
        terminal.hang_up()
        self.assertNotEqual(terminal.process.wait(timeout=machine.TIMEOUT_S), 0)


def resident_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        return int(re.search(r"Rss:\s+(\d+) kB", rollup.read())[1])


class FloodTest(unittest.TestCase):
    # The smallest pipe. The guest writes some more than it and SerialOutput hold, 64 KiB, in long lines: each byte is an
    # exit of the guest, 0.1 ms and more in the test bed.
    PIPE_BYTES, WRITTEN_BYTES = 4096, 80000

    def setUp(self):
        self.guest = None

    def tearDown(self):
        if self.guest:
            self.guest.kill()
            self.guest.communicate()

    @core
    @retried_in_bed
    def test_a_flooding_guest_is_neither_blocked_nor_buffered(self):
        # Nobody reads until the guest has powered off: it gets there only if it never waits.
        lines = f'yes {"x" * 199} | head -c {self.WRITTEN_BYTES}'
        self.guest = subprocess.Popen(MACHINE.command(f'mayfly.exec="{lines}"'), stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(fcntl.fcntl(self.guest.stdout, fcntl.F_SETPIPE_SZ, self.PIPE_BYTES), self.PIPE_BYTES)
        sizes = self.sizes_until_end()
        self.assertEqual(self.guest.returncode, 0)
        output, errors = self.guest.communicate()
        self.assertEqual(errors, b"")
        # The rest was dropped.
        self.assertTrue(output)
        self.assertLessEqual(len(output), self.PIPE_BYTES)
        # Guest RAM is 128 MiB; whatever the monitor kept of the output would come on top.
        self.assertLess(max(sizes), (128 + 8) * 1024)
        half = len(sizes) // 2
        self.assertLess(max(sizes[half:]) - max(sizes[half // 2:half]), 2048, sizes)

    def sizes_until_end(self):
        """The monitor's resident KiB, time and again until it ends."""
        sizes = []
        deadline = time.monotonic() + FLOOD_S
        while self.guest.poll() is None:
            self.assertLess(time.monotonic(), deadline, "the guest did not power off")
            try:
                sizes.append(resident_kib(self.guest.pid))
            except (OSError, TypeError):
                pass  # It has just ended.
            time.sleep(0.1)
        return sizes


if __name__ == "__main__":
    unittest.main(verbosity=2)
