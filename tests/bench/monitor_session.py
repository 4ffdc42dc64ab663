"""Runs the guest of tests/guests/virtio_io in a monitor, Mayfly or QEMU, and measures what the monitor spends on it."""

import os
import select
import subprocess
import time

MEMORY_MIB = 64
MAC = '02:00:00:00:00:99'
TIMEOUT_S = 30
REALTIME_PRIORITY = 1


class Mayfly:
    vcpu_thread = 'fc_vcpu 0'

    def __init__(self, program, name='mayfly', flags=()):
        self.program = program
        self.name = name
        self.flags = flags

    def command(self, guest, cmdline, disk=None, direct=False, tap=None):
        command = [self.program, 'run', '--kernel', guest, '--cmdline', cmdline, '--memory-mib', str(MEMORY_MIB),
                   # As QEMU asks for its guests' RAM.
                   '--huge-pages', 'Transparent', *self.flags]
        if disk:
            command += ['--disk', f'path={disk},cache=Writeback' + (',direct' if direct else '')]
        if tap:
            command += ['--net', f'tap={tap},mac={MAC}']
        return command


class Qemu:
    """QEMU's leanest machine, without what this guest needs not: no firmware tables, no timer, no interrupt
    controllers but the APICs, no format layer over the file."""

    vcpu_thread = 'CPU 0/KVM'

    def __init__(self, program, iothread=False):
        self.program = program
        self.iothread = iothread
        self.name = 'qemu-iothread' if iothread else 'qemu'

    def command(self, guest, cmdline, disk=None, direct=False, tap=None):
        command = [
            self.program, '-name', 'bench,debug-threads=on', '-nodefaults', '-no-user-config', '-display', 'none',
            '-M', 'microvm,accel=kvm,acpi=off,pit=off,pic=off,rtc=off,isa-serial=on,x-option-roms=off',
            '-cpu', 'host', '-smp', '1', '-m', str(MEMORY_MIB), '-no-reboot', '-kernel', guest, '-append', cmdline,
            '-global', 'virtio-mmio.force-legacy=false', '-chardev', 'stdio,id=console', '-serial', 'chardev:console']
        if disk:
            cache = 'on' if direct else 'off'
            device = 'virtio-blk-device,drive=disk,queue-size=256'
            if self.iothread:
                command += ['-object', 'iothread,id=thread']
                device += ',iothread=thread'
            command += ['-blockdev', f'driver=file,node-name=disk,filename={disk},aio=io_uring,cache.direct={cache}',
                        '-device', device]
        if tap:
            command += ['-netdev', f'tap,id=net,ifname={tap},script=no,downscript=no,vhost=off,vnet_hdr=on',
                        '-device', f'virtio-net-device,netdev=net,mac={MAC}']
        return command


class SessionError(Exception):
    pass


def be_realtime():
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(REALTIME_PRIORITY))


class Session:
    """One monitor with the guest in it. The guest stops at the lines BEGIN and END until go() is called."""

    def __init__(self, monitor, command, realtime=False):
        self.monitor = monitor
        self.lines = b''
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, bufsize=0,
                                        preexec_fn=be_realtime if realtime else None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def _fail(self, what):
        self.process.kill()
        _, errors = self.process.communicate()
        text = (self.lines + errors).decode(errors='replace').strip()
        raise SessionError(f'{self.monitor.name}: {what}: {text}')

    def expect(self, prefix):
        """The next line of the guest that starts with `prefix`."""
        end = time.monotonic() + TIMEOUT_S
        while True:
            line, newline, rest = self.lines.partition(b'\n')
            text = line.strip().decode(errors='replace')
            if newline and text.startswith('FAILED'):
                self._fail('the guest failed')
            if newline:
                self.lines = rest
                if text.startswith(prefix):
                    return text
                continue
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            chunk = os.read(self.process.stdout.fileno(), 4096) if ready else b''
            if not chunk:
                self._fail(f'{"ended" if ready else "timed out"} before the guest said {prefix}')
            self.lines += chunk

    def go(self):
        self.process.stdin.write(b'g')

    def cpu_ns(self):
        """CPU time of the monitor's threads but the vCPU's; kernel workers of its rings are threads of it."""
        total_ns = 0
        folder = f'/proc/{self.process.pid}/task'
        for task in os.listdir(folder):
            try:
                with open(f'{folder}/{task}/comm', encoding='utf-8') as comm:
                    name = comm.read().strip()
                with open(f'{folder}/{task}/schedstat', encoding='utf-8') as times:
                    run_ns = int(times.read().split()[0])
            except FileNotFoundError:
                continue  # a worker that ended
            if name != self.monitor.vcpu_thread:
                total_ns += run_ns
        return total_ns

    def result(self):
        """The numbers of the guest's line RESULT."""
        words = self.expect('RESULT').split()[1:]
        return {name: int(value) for name, value in (word.split('=') for word in words)}


def measure(monitor, command, realtime=False, at_begin=lambda: None, at_end=lambda: None):
    """Runs the guest once: its numbers, and cpu_ns. The hooks run while the guest waits."""
    with Session(monitor, command, realtime) as session:
        session.expect('BEGIN')
        at_begin()
        cpu_ns = session.cpu_ns()
        session.go()
        session.expect('END')
        cpu_ns = session.cpu_ns() - cpu_ns
        at_end()
        session.go()
        numbers = session.result()
        session.expect('DONE')
    numbers['cpu_ns'] = cpu_ns
    return numbers
