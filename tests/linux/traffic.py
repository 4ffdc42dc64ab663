"""One end of the traffic between a guest and its host; the same program runs on both sides.

receive PORT              takes one TCP stream, prints its length and SHA-256
send HOST PORT MIB SEED   makes such a stream, prints the same
flood HOST PORT SECONDS PAYLOAD_BYTES [PAUSE_S]   sends UDP datagrams as fast as it can, or 32 between two pauses; prints
                          how many
"""

import hashlib
import random
import socket
import sys
import time

BLOCK_BYTES = 1 << 20


def receive(port):
    total, size = hashlib.sha256(), 0
    with socket.create_server(("", int(port))) as listener:
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(BLOCK_BYTES):
                total.update(data)
                size += len(data)
    print(size, total.hexdigest())


def connect(host, port):
    for _ in range(100):
        try:
            return socket.create_connection((host, int(port)), timeout=60)
        except ConnectionRefusedError:
            time.sleep(0.2)
    raise SystemExit(f"nobody listens on {host}:{port}")


def send(host, port, mib, seed):
    total, size = hashlib.sha256(), 0
    block = random.Random(int(seed)).randbytes(BLOCK_BYTES - 8)
    with connect(host, port) as connection:
        for number in range(int(mib)):
            data = number.to_bytes(8, "big") + block
            total.update(data)
            size += len(data)
            connection.sendall(data)
    print(size, total.hexdigest())


def flood(host, port, seconds, payload_bytes, pause_s=0):
    end, count, payload = time.monotonic() + float(seconds), 0, bytes(int(payload_bytes))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        while time.monotonic() < end:
            for _ in range(32):
                try:
                    sender.sendto(payload, (host, int(port)))
                    count += 1
                except OSError:
                    # Nobody takes them, or the queue of the interface is full.
                    pass
            time.sleep(float(pause_s))
    print(count)


if __name__ == "__main__":
    {"receive": receive, "send": send, "flood": flood}[sys.argv[1]](*sys.argv[2:])
