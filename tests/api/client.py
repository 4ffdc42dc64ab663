"""Clients of the API's Unix socket: one that decides and sees every byte, and one as programs commonly have it."""

import json
import socket
import time
import urllib.parse

ANSWER_S = 20


def wait_until(condition, what, timeout_s=ANSWER_S):
    """Polls until `condition()` is true; returns what it gave."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"in {timeout_s} s there was no {what() if callable(what) else what}")
        time.sleep(0.002)
    return value


def encode(method, target, body=None, headers=()):
    """The bytes of a request; an object as `body` becomes JSON, None is a request without a body."""
    if body is not None and not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


class Response:
    """One answer: `raw` are its bytes, `headers` the pairs in their order."""

    def __init__(self, raw, header_bytes):
        self.raw = raw
        lines = raw[:header_bytes].decode().split("\r\n")
        self.status_line = lines[0]
        self.status = int(lines[0].split(" ")[1])
        self.headers = [tuple(line.split(": ", 1)) for line in lines[1:] if line]
        self.body = raw[header_bytes:]

    def header(self, name):
        return dict(self.headers).get(name)

    def json(self):
        return json.loads(self.body)

    @property
    def fault(self):
        return self.json()["fault_message"]

    def __repr__(self):
        return f"<{self.raw!r}>"


class Connection:
    """A connection whose bytes the test chooses."""

    def __init__(self, path, timeout_s=ANSWER_S):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout_s)
        self.buffer = b""
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError(f"the server closed the connection after {self.buffer!r}")
        self.buffer += data

    def response(self):
        """The next answer on the connection."""
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            self._more()
        header_bytes = end + 4
        head = Response(self.buffer[:header_bytes], header_bytes)
        total = header_bytes + int(head.header("Content-Length") or 0)
        while len(self.buffer) < total:
            self._more()
        raw, self.buffer = self.buffer[:total], self.buffer[total:]
        return Response(raw, header_bytes)

    def request(self, method, target, body=None, headers=()):
        self.send(encode(method, target, body, headers))
        return self.response()

    def rest(self):
        """Everything up to the end of the stream."""
        data, self.buffer = self.buffer, b""
        while more := self.socket.recv(1 << 16):
            data += more
        return data

    def is_silent(self, seconds=0.05):
        """True when no byte comes in the time given. The one wait in these tests that cannot be a poll."""
        self.socket.settimeout(seconds)
        try:
            return not self.buffer and not self.socket.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(ANSWER_S)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Api:
    """Requests over one kept connection."""

    def __init__(self, path):
        self.path = path
        self.connection = Connection(path)

    def get(self, target, body=None):
        return self.connection.request("GET", target, body)

    def put(self, target, body=None):
        return self.connection.request("PUT", target, body)

    def patch(self, target, body=None):
        return self.connection.request("PATCH", target, body)

    def delete(self, target, body=None):
        return self.connection.request("DELETE", target, body)

    def action(self, name):
        return self.put("/actions", {"action_type": name})

    def close(self):
        self.connection.close()


class WebClient:
    """The same through the requests library, as Python programs have it."""

    def __init__(self, path):
        import requests_unixsocket
        self.session = requests_unixsocket.Session()
        self.base = "http+unix:" + "//" + urllib.parse.quote(path, safe="")

    def request(self, method, target, body=None):
        return self.session.request(method, self.base + target, json=body, timeout=ANSWER_S)

    def close(self):
        self.session.close()
