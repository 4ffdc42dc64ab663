"""The HTTP server byte for byte: what it answers with, what it takes for a request, and what it refuses."""

import array
import os
import re
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from client import Connection, encode  # noqa: E402
from monitor import VERSION, ApiTest, main  # noqa: E402

HEAD = "HTTP/1.1 {} \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n"
NO_CONTENT = (HEAD.format(204) + "\r\n").encode()
# A scheme in the target, in two pieces: no file of this tree holds a network address.
SCHEME = "http:" + "//"


def answer(status, body):
    """The bytes of an answer with a body."""
    if isinstance(body, str):
        body = body.encode()
    return f"{HEAD.format(status)}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def parse_error(reason):
    """The answer to what is not HTTP. The line feed inside makes it invalid JSON; clients know it so."""
    return answer(400, f'{{ "error": "{reason}\nAll previous unanswered requests will be dropped." }}')


class HttpTest(ApiTest):
    """Each test has a monitor that nothing was configured on, and a connection to it."""

    FLAGS = ()
    VERSION_ANSWER = answer(200, f'{{"firecracker_version":"{VERSION}"}}')
    GET_VERSION = b"GET /version HTTP/1.1\r\n\r\n"

    def setUp(self):
        super().setUp()
        self.start(*self.FLAGS)
        self.connection = self.api.connection

    def exchange(self, data):
        """What the server answers to these bytes, as bytes."""
        self.connection.send(data)
        return self.connection.response().raw

    def check_still_serves(self):
        self.assertEqual(self.exchange(self.GET_VERSION), self.VERSION_ANSWER)


class AnswerTest(HttpTest):
    """The form of answers."""

    def test_get_has_a_body_and_its_two_headers_last(self):
        self.assertEqual(self.exchange(self.GET_VERSION), self.VERSION_ANSWER)

    def test_no_content_has_neither_type_nor_length(self):
        data = encode("PUT", "/machine-config", {"vcpu_count": 1, "mem_size_mib": 128})
        self.assertEqual(self.exchange(data), NO_CONTENT)
        self.check_still_serves()

    def test_deprecation_follows_connection(self):
        data = encode("PATCH", "/machine-config", {"cpu_template": "None"})
        self.assertEqual(self.exchange(data), (HEAD.format(204) + "Deprecation: true\r\n\r\n").encode())

    def test_refusal_is_one_json_object(self):
        self.assertEqual(self.exchange(b"GET /nothing HTTP/1.1\r\n\r\n"), answer(
            400, '{"fault_message":"Invalid request method and/or path: GET nothing."}'))

    def test_payload_too_large_has_the_length_that_clients_compare(self):
        data = b"PUT /logger HTTP/1.1\r\nContent-Length: 51201\r\n\r\n"
        reply = self.exchange(data)
        self.assertEqual(reply, parse_error("Request payload with size 51201 is larger than the limit of 51200 allowed by "
                                            "server."))
        self.assertIn(b"\r\nContent-Length: 149\r\n", reply)
        self.check_still_serves()

    def test_body_of_exactly_the_limit_is_served(self):
        self.assertEqual(self.exchange(encode("PUT", "/logger", "{}".ljust(51200))), NO_CONTENT)

    def test_continue_comes_before_the_body(self):
        body = b'{"vcpu_count": 2, "mem_size_mib": 64}'
        self.connection.send(b"PUT /machine-config HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        first = self.connection.response()
        self.assertEqual(first.status_line, "HTTP/1.1 100 ")
        self.assertIsNone(first.header("Content-Length"))
        self.assertEqual(self.exchange(body), NO_CONTENT)
        self.assertEqual(self.found(self.api.get("/machine-config"))["vcpu_count"], 2)

    def test_other_expectations_are_ignored(self):
        body = b'{"vcpu_count": 2, "mem_size_mib": 64}'
        head = b"PUT /machine-config HTTP/1.1\r\nExpect: 103-checkpoint\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.assertEqual(self.exchange(head + body), NO_CONTENT)


class SmallLimitTest(HttpTest):
    """--http-api-max-payload-size is the limit, and is named."""

    FLAGS = ("--http-api-max-payload-size", 250)

    def test_payload_over_the_limit_of_the_flag(self):
        reply = self.exchange(b"PUT /mmds HTTP/1.1\r\nContent-Length: 260\r\n\r\n")
        self.assertEqual(reply, parse_error("Request payload with size 260 is larger than the limit of 250 allowed by server."))
        self.assertIn(b"\r\nContent-Length: 145\r\n", reply)
        self.check_still_serves()

    def test_chunked_body_over_the_limit_is_refused(self):
        self.connection.send(b"PUT /logger HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.connection.send(b"100\r\n" + b" " * 256 + b"\r\n0\r\n\r\n")
        response = self.connection.response()
        self.assertEqual(response.status, 400)
        self.assertIn(b'{ "error": "', response.body)


class RequestTest(HttpTest):
    """What a request is."""

    def test_http_1_0_is_answered_as_1_1_and_the_connection_kept(self):
        self.assertEqual(self.exchange(b"GET /version HTTP/1.0\r\n\r\n"), self.VERSION_ANSWER)
        self.check_still_serves()

    def test_connection_close_of_the_client_closes_nothing(self):
        self.assertEqual(self.exchange(b"GET /version HTTP/1.1\r\nConnection: close\r\n\r\n"), self.VERSION_ANSWER)
        self.check_still_serves()

    def test_header_names_have_no_case(self):
        data = b'PUT /machine-config HTTP/1.1\r\ncONTENT-lENGTH: 37\r\n\r\n{"vcpu_count": 3, "mem_size_mib": 64}'
        self.assertEqual(self.exchange(data), NO_CONTENT)

    def test_unknown_headers_and_values_are_ignored(self):
        data = (b"GET /version HTTP/1.1\r\nX-Anything: at: all\r\nContent-Type: text/html\r\nAccept: image/png\r\n"
                b"Transfer-Encoding: gzip\r\nAccept-Encoding: gzip, deflate\r\nX-Empty:\r\n\r\n")
        self.assertEqual(self.exchange(data), self.VERSION_ANSWER)

    def test_absolute_targets(self):
        self.assertEqual(self.exchange(f"GET {SCHEME}localhost/version HTTP/1.1\r\n\r\n".encode()), self.VERSION_ANSWER)
        self.assertEqual(self.exchange(f"GET {SCHEME}localhost:80/version HTTP/1.1\r\n\r\n".encode()), self.VERSION_ANSWER)

    def test_target_without_a_slash_is_the_empty_path(self):
        for target in ("version", f"{SCHEME}localhost", SCHEME):
            with self.subTest(target=target):
                self.assertEqual(self.found(self.api.get(target))["id"], "test")

    def test_query_is_part_of_the_token(self):
        self.refused(self.api.get("/version?a=1"), "Invalid request method and/or path: GET version?a=1.")

    def test_one_byte_at_a_time(self):
        for byte in encode("PUT", "/machine-config", {"vcpu_count": 5, "mem_size_mib": 64}) + self.GET_VERSION:
            self.connection.send(bytes([byte]))
        self.assertEqual(self.connection.response().raw, NO_CONTENT)
        self.assertEqual(self.connection.response().raw, self.VERSION_ANSWER)

    def test_pipelined_requests_are_answered_in_order(self):
        put = encode("PUT", "/machine-config", {"vcpu_count": 7, "mem_size_mib": 64})
        self.connection.send(self.GET_VERSION + put + b"GET /machine-config HTTP/1.1\r\n\r\n" + self.GET_VERSION)
        self.assertEqual(self.connection.response().raw, self.VERSION_ANSWER)
        self.assertEqual(self.connection.response().raw, NO_CONTENT)
        self.assertEqual(self.connection.response().json()["vcpu_count"], 7)
        self.assertEqual(self.connection.response().raw, self.VERSION_ANSWER)

    def test_request_split_inside_every_part(self):
        data = encode("PUT", "/machine-config", {"vcpu_count": 5, "mem_size_mib": 64})
        for cut in range(1, len(data)):
            self.connection.send(data[:cut])
            self.connection.send(data[cut:])
            self.assertEqual(self.connection.response().raw, NO_CONTENT)

    def test_half_closed_connection_gets_its_answer(self):
        self.connection.send(self.GET_VERSION)
        self.connection.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(self.connection.rest(), self.VERSION_ANSWER)

    def test_chunked_body_is_put_together(self):
        self.connection.send(b"PUT /mmds HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                             b'5\r\n{"a":\r\n4;x=y\r\n"bc"\r\n1\r\n}\r\n0\r\n\r\n')
        self.done(self.connection.response())
        self.assertEqual(self.found(self.api.get("/mmds")), {"a": "bc"})

    def test_content_length_zero_is_no_body(self):
        self.connection.send(b"GET /version HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(self.connection.response().raw, self.VERSION_ANSWER)
        self.connection.send(b"PUT /mmds HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        self.refused(self.connection.response(), "Empty PUT request.")

    def test_descriptors_that_come_along_are_closed(self):
        self.check_still_serves()
        before = self.monitor.descriptors()
        with open(os.devnull, "rb") as file:
            fds = array.array("i", [file.fileno()] * 200)
            for _ in range(5):
                self.connection.socket.sendmsg([self.GET_VERSION], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
                self.assertEqual(self.connection.response().raw, self.VERSION_ANSWER)
        self.assertEqual(self.monitor.descriptors(), before)


class MalformedTest(HttpTest):
    """What is not HTTP gets one answer, and the connection goes on."""

    def check_refused(self, data, reason):
        """`reason` is the whole text, or a compiled pattern of it."""
        reply = self.exchange(data)
        if isinstance(reason, str):
            self.assertEqual(reply, parse_error(reason))
        else:
            body = reply.split(b"\r\n\r\n", 1)[1].decode()
            match = re.fullmatch(r'\{ "error": "(.*)\nAll previous unanswered requests will be dropped\." \}', body, re.DOTALL)
            self.assertIsNotNone(match, body)
            self.assertRegex(match[1], reason)
            self.assertTrue(reply.startswith(answer(400, "")[:60]), reply)
        self.check_still_serves()

    def test_methods(self):
        for method in ("POST", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "Put", "", "GETX", "\x00"):
            with self.subTest(method=method):
                self.check_refused(f"{method} / HTTP/1.1\r\n\r\n".encode(), "Invalid HTTP Method: Unsupported HTTP method.")

    def test_versions(self):
        for version in ("HTTP/2.0", "HTTP/0.9", "http/1.1", "HTTP/1.1 ", "", "HTTP/1.1 x"):
            with self.subTest(version=version):
                self.check_refused(f"GET / {version}\r\n\r\n".encode(), "Invalid HTTP Version: Unsupported HTTP version.")

    def test_targets(self):
        self.check_refused(b"GET  HTTP/1.1\r\n\r\n", "Invalid URI: Empty URI not allowed.")
        self.check_refused(b"GET /\xff HTTP/1.1\r\n\r\n", "Invalid URI: Cannot parse URI as UTF-8.")

    def test_request_lines_without_three_parts(self):
        for line in (b"GET", b"GET /", b"nonsense", b""):
            with self.subTest(line=line):
                self.check_refused(line + b"\r\n\r\n", "Invalid request.")

    def test_request_line_over_the_buffer(self):
        self.check_refused(b"GET /" + b"a" * 1100 + b" HTTP/1.1\r\n\r\n", re.compile(r"\AInvalid request\.\Z"))

    def test_request_line_that_just_fits(self):
        token = "a" * (1024 - len("GET / HTTP/1.1\r\n"))
        self.refused(self.connection.request("GET", f"/{token}"), f"Invalid request method and/or path: GET {token}.")

    def test_header_lines(self):
        header = re.compile(r"\AInvalid header\. Reason: ")
        for line in (b"no colon here", b"Content-Length: -1", b"Content-Length: many", b"Content-Length: 24: 2",
                     b"Content-Length: 4294967296", b"Content-Length:", b"Accept-Encoding: identity;q=0",
                     b"Accept-Encoding: gzip, *;q=0", b"X-Bytes: \xff\xfe"):
            with self.subTest(line=line):
                self.check_refused(b"GET /version HTTP/1.1\r\n" + line + b"\r\n\r\n", header)

    def test_empty_accept_encoding(self):
        self.check_refused(b"GET /version HTTP/1.1\r\nAccept-Encoding:\r\n\r\n", "Invalid request.")

    def test_header_line_over_the_buffer(self):
        self.check_refused(b"GET /version HTTP/1.1\r\nX-Long: " + b"a" * 1100 + b"\r\n\r\n",
                           re.compile(r"\AInvalid header\. Reason: "))

    def test_header_line_that_just_fits(self):
        line = b"X-Long: ".ljust(1022, b"a") + b"\r\n"
        self.assertEqual(self.exchange(b"GET /version HTTP/1.1\r\n" + line + b"\r\n"), self.VERSION_ANSWER)

    def test_block_of_headers_is_bounded(self):
        line = b"X-Long: " + b"a" * 990 + b"\r\n"
        self.assertEqual(self.exchange(b"GET /version HTTP/1.1\r\n" + line * 15 + b"\r\n"), self.VERSION_ANSWER)
        self.connection.send(b"GET /version HTTP/1.1\r\n" + line * 20 + b"\r\n")
        response = self.connection.response()
        self.assertEqual(response.status, 400)
        self.assertIn(b'{ "error": "', response.body)

    def test_error_after_a_good_request_on_the_same_write(self):
        """The error drops what was not answered; what follows it is served again."""
        self.connection.send(self.GET_VERSION + b"BAD / HTTP/1.1\r\n\r\n")
        response = self.connection.response()
        if response.raw == self.VERSION_ANSWER:
            response = self.connection.response()
        self.assertEqual(response.raw, parse_error("Invalid HTTP Method: Unsupported HTTP method."))
        self.check_still_serves()

    def test_another_connection_is_not_touched(self):
        with Connection(self.monitor.socket_path) as other:
            other.send(b"GET /ver")
            self.check_refused(b"BAD / HTTP/1.1\r\n\r\n", "Invalid HTTP Method: Unsupported HTTP method.")
            other.send(b"sion HTTP/1.1\r\n\r\n")
            self.assertEqual(other.response().raw, self.VERSION_ANSWER)

    def test_body_that_is_not_utf_8(self):
        response = self.api.put("/boot-source", b'{"kernel_image_path": "\xff\xfe"}')
        self.refused(response, re.compile(r"An error occurred when deserializing the json body of a request: .+"))
        self.check_still_serves()


if __name__ == "__main__":
    main()
