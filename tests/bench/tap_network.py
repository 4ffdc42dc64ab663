"""A network namespace with one TAP, and a backlog of frames for the guest behind it."""

import ctypes
import errno
import os
import socket
import struct
import subprocess

CLONE_NEWNET = 0x40000000
# linux/if_packet.h
SOL_PACKET = 263
PACKET_VNET_HDR = 15
PACKET_QDISC_BYPASS = 20

HEADERS_BYTES = 14 + 20 + 20
LARGEST_PLAIN_FRAME_BYTES = 1514
SEGMENT_BYTES = 1448


class NetworkError(Exception):
    pass


def enter_namespace():
    """Moves this process into a network namespace of its own, which ends with it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise NetworkError(f'unshare(CLONE_NEWNET): {os.strerror(ctypes.get_errno())}')
    # No router solicitations and the like among the frames that are counted.
    for name in ('all', 'default'):
        with open(f'/proc/sys/net/ipv6/conf/{name}/disable_ipv6', 'w', encoding='utf-8') as setting:
            setting.write('1')


def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def frame_parts(frame_bytes):
    """What precedes and what follows the frame's number: virtio-net header, Ethernet, IPv4 and TCP headers; padding."""
    ip_bytes = frame_bytes - 14
    ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, ip_bytes, 0, 0, 64, 6, 0, bytes([192, 0, 2, 2]), bytes([192, 0, 2, 1]))
    ip = ip[:10] + struct.pack('!H', 0xffff ^ checksum(ip)) + ip[12:]
    # The pseudo header's sum, for the rest is added by whoever cuts the segment to pieces.
    pseudo = checksum(ip[12:20] + struct.pack('!HH', 6, ip_bytes - 20))
    tcp = struct.pack('!HHIIBBHHH', 5001, 5001, 0, 0, 0x50, 0x10, 0xffff, pseudo, 0)
    ethernet = bytes.fromhex('020000000099' '020000000001' '0800')
    if frame_bytes > LARGEST_PLAIN_FRAME_BYTES:
        vnet = struct.pack('<BBHHHH', 1, 1, HEADERS_BYTES, SEGMENT_BYTES, 34, 16)
    else:
        vnet = bytes(10)
    return vnet + ethernet + ip + tcp, bytes(frame_bytes - HEADERS_BYTES - 8)


class Tap:
    """The namespace's TAP. Of its counters, rx is what the guest sends and tx what it receives."""

    def __init__(self, name='benchtap0'):
        self.name = name
        self._ip('tuntap', 'add', 'dev', name, 'mode', 'tap', 'vnet_hdr')
        self._ip('link', 'set', name, 'up')

    def _ip(self, *arguments):
        result = subprocess.run(['ip', *arguments], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise NetworkError(f'ip {" ".join(arguments)}: {result.stderr.strip()}')

    def set_backlog_limit(self, frame_count):
        self._ip('link', 'set', self.name, 'txqueuelen', str(frame_count))

    def counters(self):
        """(rx bytes, rx packets, tx packets)"""
        with open('/proc/self/net/dev', encoding='utf-8') as lines:
            for line in lines:
                name, _, fields = line.partition(':')
                if name.strip() == self.name:
                    numbers = [int(field) for field in fields.split()]
                    return numbers[0], numbers[1], numbers[9]
        raise NetworkError(f'no interface {self.name}')

    def fill(self, frame_count, frame_bytes):
        """Queues numbered frames for the guest. The TAP must be open and its backlog limit high enough."""
        before, after = frame_parts(frame_bytes)
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
            sender.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
            sender.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
            sender.bind((self.name, 0))
            for number in range(frame_count):
                try:
                    sender.send(before + struct.pack('<Q', number) + after)
                except OSError as error:
                    if error.errno == errno.ENOBUFS:
                        raise NetworkError(f'the TAP dropped frame {number}') from error
                    raise NetworkError(f'send to the TAP: {error.strerror}') from error
