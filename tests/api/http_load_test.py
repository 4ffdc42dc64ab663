"""Clients that want too much: too many connections, requests or bytes. Others are served, and memory stays bounded."""

import os
import re
import socket
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from client import Connection, wait_until  # noqa: E402
from monitor import VERSION, ApiTest, main  # noqa: E402

FULL = (b"HTTP/1.1 503\r\nServer: Firecracker API\r\nConnection: close\r\nContent-Length: 40\r\n\r\n"
        b'{ "error": "Too many open connections" }')
MAX_CONNECTIONS = 10
# A monitor that runs no guest; what it may need at most, whatever clients send.
MEMORY_KIB = 32 * 1024
JSON_ERROR = re.compile(r"An error occurred when deserializing the json body of a request: .+")


class LoadCase(ApiTest):
    """A monitor, connections to it, and the two checks that all tests end with."""

    FLAGS = ()

    def setUp(self):
        super().setUp()
        self.start(*self.FLAGS)
        # Tests count connections: there is none to begin with.
        self.api.close()

    def connect(self):
        connection = Connection(self.monitor.socket_path)
        self.addCleanup(connection.close)
        return connection

    def fresh(self):
        """A connection that is served: right after others were closed the server may not know it yet."""
        def served():
            connection = self.connect()
            try:
                if connection.request("GET", "/version").status == 200:
                    return connection
            except (EOFError, OSError):
                pass
            connection.close()
            return None
        return wait_until(served, "free connection")

    def check_serves(self, connection=None):
        connection = connection or self.fresh()
        self.assertEqual(connection.request("GET", "/version").json(), {"firecracker_version": VERSION})

    def check_memory(self):
        self.assertLess(self.monitor.status_kib("VmHWM"), MEMORY_KIB)


class LoadTest(LoadCase):
    """The limits that every monitor has."""

    def test_eleventh_connection_is_told_and_closed(self):
        first = self.fresh()
        served = [first] + [self.connect() for _ in range(MAX_CONNECTIONS - 1)]
        for connection in served:
            self.check_serves(connection)
        eleventh = self.connect()
        self.assertEqual(eleventh.rest(), FULL)
        for connection in served:
            self.check_serves(connection)
        served[3].close()
        self.check_serves()

    def test_thousand_connections_at_once(self):
        self.fresh().close()
        before = self.monitor.descriptors()
        connections = [self.connect() for _ in range(1000)]
        refused = 0
        for connection in connections:
            try:
                connection.send(b"GET /version HTTP/1.1\r\n\r\n")
            except OSError:
                pass  # refused before the request came
            data = connection.socket.recv(4096)
            self.assertTrue(data.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 503\r\n")), data)
            refused += data.startswith(b"HTTP/1.1 503")
        # Up to four that came too early may take the places of clients that were answered.
        self.assertGreaterEqual(refused, 1000 - MAX_CONNECTIONS - 4)
        for connection in connections:
            connection.close()
        self.fresh().close()
        wait_until(lambda: self.monitor.descriptors() <= before + 1, "end of the closed connections")
        self.check_memory()

    def test_connections_that_come_and_go(self):
        for number in range(1000):
            connection = self.connect()
            if number % 3:
                connection.send(b"GET /ver" if number % 2 else b"GET /version HTTP/1.1\r\n\r\n")
            connection.close()
        self.check_serves()
        self.check_memory()

    def test_half_closed_and_idle_connections_take_no_place_for_ever(self):
        for _ in range(3 * MAX_CONNECTIONS):
            connection = self.connect()
            connection.socket.shutdown(socket.SHUT_WR)
            connection.rest()
        self.check_serves()

    def test_thousands_of_pipelined_requests_while_another_client_is_served(self):
        count, requests = 10000, (b"GET /version HTTP/1.1\r\n\r\n", b"GET /machine-config HTTP/1.1\r\n\r\n")
        flood, other = self.connect(), self.fresh()
        sent = threading.Thread(target=flood.send, args=(b"".join(requests[number % 2] for number in range(count)),))
        # Nothing is read of the answers yet: the server has to stop reading at some point, not to collect answers.
        sent.start()
        for _ in range(200):
            self.check_serves(other)
        self.check_memory()
        for number in range(count):
            response = flood.response()
            self.assertEqual("firecracker_version" in response.json(), number % 2 == 0, number)
        sent.join()
        self.check_serves(other)
        self.check_memory()

    def test_client_that_never_reads_blocks_nobody(self):
        deaf, other = self.connect(), self.fresh()
        deaf.socket.setblocking(False)
        data = b"GET /vm/config HTTP/1.1\r\n\r\n" * 1000
        try:
            for _ in range(100):
                deaf.socket.send(data)
        except BlockingIOError:
            pass
        for _ in range(50):
            self.check_serves(other)
        self.check_memory()

    def test_endless_request_line_and_endless_headers(self):
        other = self.fresh()
        for start in (b"", b"GET / HTTP/1.1\r\n"):
            connection = self.connect()
            connection.send(start)
            connection.socket.setblocking(False)
            try:
                for _ in range(64):
                    connection.socket.send(b"a" * 65536)
            except OSError:
                pass  # not read any more, or closed
            self.check_serves(other)
            connection.close()
        self.check_memory()

    def test_deeply_nested_json(self):
        connection = self.fresh()
        for body in ("[" * 10000, '{"a":' * 10000, '{"kernel_image_path":' + "[" * 10000 + "]" * 10000 + "}"):
            for target in ("/mmds", "/boot-source"):
                self.refused(connection.request("PUT", target, body), JSON_ERROR)
        self.check_serves(connection)

    def test_body_of_a_gigabyte_is_refused_from_its_length(self):
        connection = self.fresh()
        connection.send(b"PUT /mmds HTTP/1.1\r\nContent-Length: 1073741824\r\n\r\n")
        response = connection.response()
        self.assertEqual(response.status, 400)
        self.assertTrue(response.body.startswith(
            b'{ "error": "Request payload with size 1073741824 is larger than the limit of 51200 allowed by server.\n'))
        self.check_serves(connection)
        self.check_memory()


class LargeLimitTest(LoadCase):
    """A limit that allows large bodies takes no memory for what only was announced."""

    FLAGS = ("--http-api-max-payload-size", 1 << 31)

    def test_announced_gigabyte_takes_no_memory(self):
        connections = [self.connect() for _ in range(5)]
        for connection in connections:
            connection.send(b"PUT /mmds HTTP/1.1\r\nContent-Length: 1073741824\r\n\r\n{")
        self.check_serves()
        self.check_memory()

    def test_large_body_is_taken(self):
        connection = self.fresh()
        self.done(connection.request("PUT", "/mmds", "{}".ljust(8 << 20)))
        self.check_serves(connection)

    def test_chunks_that_announce_much(self):
        connection = self.connect()
        connection.send(b"PUT /mmds HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n{")
        self.check_serves()
        self.check_memory()


if __name__ == "__main__":
    main()
