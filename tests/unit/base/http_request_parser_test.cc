// HttpRequestParser: requests in any pieces, bodies, bounds.

#include "base/http_request_parser.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using Outcome = HttpRequestParser::Outcome;
using Options = HttpRequestParser::Options;

// What came of a stream: its requests up to the first error, and that.
struct Result {
  std::vector<HttpRequest> requests;
  std::string error;
  size_t continue_count = 0;
  uint64_t refused_body_bytes = 0;
  // Of the piece in which the error was.
  std::string rest;
};

// Parses `bytes` in pieces of `piece_bytes`.
Result ParseAll(absl::string_view bytes, size_t piece_bytes, const Options& options = {}) {
  HttpRequestParser parser(options);
  Result result;
  while (!bytes.empty()) {
    absl::string_view piece = bytes.substr(0, piece_bytes);
    bytes.remove_prefix(piece.size());
    while (!piece.empty()) {
      const Outcome outcome = parser.Parse(&piece);
      if (outcome == Outcome::kComplete) {
        result.requests.push_back(parser.TakeRequest());
      } else if (outcome == Outcome::kExpectsContinue) {
        ++result.continue_count;
      } else if (outcome == Outcome::kFailed) {
        result.error = std::string(parser.error().message());
        result.refused_body_bytes = parser.refused_body_bytes();
        result.rest = std::string(piece);
        return result;
      }
    }
  }
  return result;
}

std::string ErrorOf(absl::string_view bytes, const Options& options = {}) {
  const std::string whole = ParseAll(bytes, bytes.size(), options).error;
  EXPECT_EQ(ParseAll(bytes, 1, options).error, whole);
  return whole;
}

// For streams of one good request.
HttpRequest RequestOf(absl::string_view bytes, const Options& options = {}) {
  Result result = ParseAll(bytes, bytes.size(), options);
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.requests.size(), 1u);
  return result.requests.empty() ? HttpRequest() : std::move(result.requests.front());
}

std::string TargetOf(absl::string_view target) {
  return RequestOf(absl::StrCat("GET ", target, " HTTP/1.1\r\n\r\n")).target;
}

TEST(HttpRequestParserTest, TakesPipelinedRequestsInAnyPieces) {
  const std::string stream =
      "PUT /machine-config HTTP/1.1\r\nHost: localhost\r\ncontent-length:  5 \r\nX-a:\r\n\r\nhello"
      "GET / HTTP/1.0\r\n\r\n"
      "PATCH http:"
      "//localhost/vm HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nTrailer: 1\r\n\r\n"
      "DELETE /drives/a?b HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
  for (size_t piece_bytes = 1; piece_bytes <= stream.size(); ++piece_bytes) {
    const Result result = ParseAll(stream, piece_bytes);
    ASSERT_EQ(result.error, "") << piece_bytes;
    ASSERT_EQ(result.requests.size(), 4u) << piece_bytes;
    const HttpRequest& put = result.requests[0];
    EXPECT_EQ(put.method, HttpMethod::kPut);
    EXPECT_EQ(put.target, "/machine-config");
    EXPECT_EQ(put.body, "hello");
    ASSERT_EQ(put.headers.size(), 3u);
    EXPECT_EQ(put.headers[1].name, "content-length");
    EXPECT_EQ(put.FindHeader("Content-Length"), "5");
    EXPECT_EQ(put.FindHeader("x-A"), "");
    EXPECT_EQ(result.requests[1].target, "/");
    EXPECT_EQ(result.requests[1].body, "");
    EXPECT_EQ(result.requests[2].method_name, "PATCH");
    EXPECT_EQ(result.requests[2].target, "/vm");
    EXPECT_EQ(result.requests[2].body, "abcd");
    EXPECT_EQ(result.requests[2].FindHeader("Trailer"), std::nullopt);
    EXPECT_EQ(result.requests[3].target, "/drives/a?b");
  }
}

TEST(HttpRequestParserTest, TakesThePathOfATarget) {
  EXPECT_EQ(TargetOf("/mmds/x?y=1"), "/mmds/x?y=1");
  EXPECT_EQ(TargetOf("http:"
                     "//localhost/machine-config"),
            "/machine-config");
  EXPECT_EQ(TargetOf("http:"
                     "//localhost:80/"),
            "/");
  EXPECT_EQ(TargetOf("http:"
                     "//localhost"),
            "");
  EXPECT_EQ(TargetOf("http:"
                     "//"),
            "");
  EXPECT_EQ(TargetOf("https:"
                     "//localhost/a"),
            "");
  EXPECT_EQ(TargetOf("machine-config"), "");
  EXPECT_EQ(TargetOf("*"), "");
  EXPECT_EQ(TargetOf("/\xc3\xa4"), "/\xc3\xa4");
}

TEST(HttpRequestParserTest, RefusesMalformedRequestLines) {
  constexpr absl::string_view kMethod = "Invalid HTTP Method: Unsupported HTTP method.";
  constexpr absl::string_view kVersion = "Invalid HTTP Version: Unsupported HTTP version.";
  EXPECT_EQ(ErrorOf("GET\r\n"), "Invalid request.");
  EXPECT_EQ(ErrorOf("GET /\r\n"), "Invalid request.");
  EXPECT_EQ(ErrorOf("\r\nGET / HTTP/1.1\r\n\r\n"), "Invalid request.");
  EXPECT_EQ(ErrorOf("POST / HTTP/1.1\r\n"), kMethod);
  EXPECT_EQ(ErrorOf("get / HTTP/1.1\r\n"), kMethod);
  EXPECT_EQ(ErrorOf(" / HTTP/1.1\r\n"), kMethod);
  EXPECT_EQ(ErrorOf("POST  HTTP/9\r\n"), kMethod);
  EXPECT_EQ(ErrorOf("GET  HTTP/1.1\r\n"), "Invalid URI: Empty URI not allowed.");
  EXPECT_EQ(ErrorOf("GET /\xff HTTP/1.1\r\n"), "Invalid URI: Cannot parse URI as UTF-8.");
  EXPECT_EQ(ErrorOf("GET /\xed\xa0\x80 HTTP/1.1\r\n"), "Invalid URI: Cannot parse URI as UTF-8.");
  EXPECT_EQ(ErrorOf("GET / http/1.1\r\n"), kVersion);
  EXPECT_EQ(ErrorOf("GET / HTTP/2.0\r\n"), kVersion);
  EXPECT_EQ(ErrorOf("GET / HTTP/1.2\r\n"), kVersion);
  EXPECT_EQ(ErrorOf("GET / HTTP/1.1 \r\n"), kVersion);
  EXPECT_EQ(ErrorOf("GET / HTTP/1.1\n\r\n"), kVersion);
  EXPECT_EQ(ErrorOf("GET /\x01 HTTP/1.1\r\n\r\n"), "Invalid request.");
}

TEST(HttpRequestParserTest, TellsUnknownMethodsFromGarbageWhenAskedTo) {
  const Options options = {.unknown_methods = HttpUnknownMethods::kAccept};
  const HttpRequest request = RequestOf("HEAD /a HTTP/1.1\r\n\r\n", options);
  EXPECT_EQ(request.method, HttpMethod::kOther);
  EXPECT_EQ(request.method_name, "HEAD");
  EXPECT_EQ(ErrorOf("HE@D /a HTTP/1.1\r\n\r\n", options),
            "Invalid HTTP Method: Unsupported HTTP method.");
}

TEST(HttpRequestParserTest, RefusesMalformedHeaders) {
  const auto error = [](absl::string_view line) {
    return ErrorOf(absl::StrCat("GET / HTTP/1.1\r\nHost: a\r\n", line, "\r\n\r\n"));
  };
  EXPECT_EQ(error("Nothing"),
            "Invalid header. Reason: Header is incorrectly formatted. Key: Nothing");
  EXPECT_EQ(error(": x"), "Invalid header. Reason: Header is incorrectly formatted. Key: ");
  EXPECT_EQ(error("A b: x"), "Invalid header. Reason: Header is incorrectly formatted. Key: A b");
  EXPECT_EQ(error(" folded: x"),
            "Invalid header. Reason: Header is incorrectly formatted. Key:  folded");
  EXPECT_EQ(error("A: \x80"),
            "Invalid header. Reason: Header contains invalid characters. Key: invalid utf-8 "
            "sequence from index 3");
  EXPECT_EQ(error("A: b\x01"), "Invalid header. Reason: Invalid value. Key:A; Value: b\x01");
  EXPECT_EQ(error("A: b\rc"), "Invalid request.");
  EXPECT_EQ(error("Accept-Encoding:"), "Invalid request.");
  EXPECT_EQ(error("accept-encoding: gzip, identity;q=0"),
            "Invalid header. Reason: Invalid value. Key:Accept-Encoding; Value: identity;q=0");
  EXPECT_EQ(error("Accept-Encoding: *;q=0"),
            "Invalid header. Reason: Invalid value. Key:Accept-Encoding; Value:*;q=0");
  EXPECT_EQ(error("Accept-Encoding: *;q=0, identity"), "");
  EXPECT_EQ(error("Accept: anything/at-all"), "");
}

TEST(HttpRequestParserTest, RefusesContentLengthsThatAreNotOneNumber) {
  const auto error = [](absl::string_view lines) {
    return ErrorOf(absl::StrCat("PUT / HTTP/1.1\r\n", lines, "\r\n\r\n"));
  };
  const std::string start = "Invalid header. Reason: Invalid value. Key:";
  EXPECT_EQ(error("Content-Length: alpha"), start + "Content-Length; Value: alpha");
  EXPECT_EQ(error("content-length:-1"), start + "content-length; Value:-1");
  EXPECT_EQ(error("Content-Length: +1"), start + "Content-Length; Value: +1");
  EXPECT_EQ(error("Content-Length: "), start + "Content-Length; Value: ");
  EXPECT_EQ(error("Content-Length: 4294967296"), start + "Content-Length; Value: 4294967296");
  EXPECT_EQ(error("Content-Length: 18446744073709551616"),
            start + "Content-Length; Value: 18446744073709551616");
  EXPECT_EQ(error("Content-Length: 1, 1"), start + "Content-Length; Value: 1, 1");
  EXPECT_EQ(error("Content-Length: 1\r\nA: b\r\nContent-Length: 2"),
            start + "Content-Length; Value: 2");
  EXPECT_EQ(error("Content-Length: 1\r\nContent-Length:  1"), start + "Content-Length; Value:  1");
  EXPECT_EQ(error("Content-Length: 1\r\nTransfer-Encoding: chunked"),
            start + "Transfer-Encoding; Value: chunked");
  EXPECT_EQ(error("Transfer-Encoding: chunked\r\nContent-Length: 1"),
            start + "Content-Length; Value: 1");
}

TEST(HttpRequestParserTest, AcceptsABodyOfTheLimitAndRefusesTheNextLarger) {
  const std::string body(250, 'x');
  EXPECT_EQ(RequestOf(absl::StrCat("PUT / HTTP/1.1\r\nContent-Length: 250\r\n\r\n", body),
                      {.body_max_bytes = 250})
                .body,
            body);
  const absl::string_view larger = "PUT / HTTP/1.1\r\nContent-Length: 251\r\n\r\nrest";
  EXPECT_EQ(ErrorOf(larger, {.body_max_bytes = 250}),
            "Request payload with size 251 is larger than the limit of 250 allowed by server.");
  const Result result = ParseAll(larger, larger.size(), {.body_max_bytes = 250});
  EXPECT_EQ(result.refused_body_bytes, 251u);
  EXPECT_EQ(result.rest, "rest");
}

TEST(HttpRequestParserTest, AllocatesNothingForABodyThatIsOnlyAnnounced) {
  HttpRequestParser parser({.body_max_bytes = size_t{1} << 40});
  absl::string_view bytes = "PUT / HTTP/1.1\r\nContent-Length: 1073741824\r\n\r\nabc";
  EXPECT_EQ(parser.Parse(&bytes), Outcome::kNeedsMore);
  EXPECT_TRUE(bytes.empty());
  EXPECT_LT(parser.memory_bytes(), 4096u);
}

TEST(HttpRequestParserTest, AsksForContinueBeforeTheBody) {
  HttpRequestParser parser({});
  absl::string_view bytes = "PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab";
  EXPECT_EQ(parser.Parse(&bytes), Outcome::kExpectsContinue);
  EXPECT_EQ(bytes, "ab");
  EXPECT_EQ(parser.Parse(&bytes), Outcome::kComplete);
  EXPECT_TRUE(parser.TakeRequest().expects_continue);
  EXPECT_EQ(ParseAll("GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n", 99).continue_count, 0u);
  EXPECT_EQ(ParseAll("PUT / HTTP/1.1\r\nExpect: something\r\nContent-Length: 1\r\n\r\na", 99)
                .continue_count,
            0u);
  // It does not send the body that was refused.
  EXPECT_EQ(ParseAll("PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 51201\r\n\r\n", 999)
                .refused_body_bytes,
            0u);
}

TEST(HttpRequestParserTest, BoundsLines) {
  const auto request_line = [](size_t line_bytes) {
    return "GET /" + std::string(line_bytes - 16, 'a') + " HTTP/1.1\r\n";
  };
  EXPECT_EQ(request_line(1024).size(), 1024u);
  EXPECT_EQ(RequestOf(request_line(1024) + "\r\n").target.size(), 1009u);
  EXPECT_EQ(ErrorOf(request_line(1025)), "Invalid request.");
  EXPECT_EQ(ErrorOf(std::string(1024, 'a')), "Invalid request.");
  EXPECT_EQ(ErrorOf(std::string(1023, 'a')), "");

  const auto header = [](size_t line_bytes) { return "A:" + std::string(line_bytes - 4, 'b'); };
  const std::string start = "GET / HTTP/1.1\r\n";
  EXPECT_EQ(RequestOf(start + header(1024) + "\r\n\r\n").headers[0].value.size(), 1020u);
  EXPECT_EQ(ErrorOf(start + header(1025) + "\r\n\r\n"),
            "Invalid header. Reason: Invalid content length. Header: " + header(1025) + "\r");
}

TEST(HttpRequestParserTest, BoundsHeaderBlocksAndHeaderCounts) {
  const std::string refusal =
      "Invalid header. Reason: The headers are more than the server allows.";
  std::string block = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 16; ++i) {
    block += "A: " + std::string(1000, 'b') + "\r\n";
  }
  const std::string fill = "C: " + std::string(16384 - block.size() - 7, 'd') + "\r\n";
  EXPECT_EQ(RequestOf(block + fill + "\r\n").headers.size(), 17u);
  EXPECT_EQ(ErrorOf(block + "e" + fill + "\r\n"), refusal);

  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 128; ++i) {
    many += "A:\r\n";
  }
  EXPECT_EQ(RequestOf(many + "\r\n").headers.size(), 128u);
  EXPECT_EQ(ErrorOf(many + "A:\r\n"), refusal);
}

TEST(HttpRequestParserTest, BoundsChunkedBodies) {
  const std::string start = "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  const Options options = {.body_max_bytes = 10, .header_max_bytes = 100};
  EXPECT_EQ(RequestOf(start + "6\r\nabcdef\r\n4\r\nghij\r\n0\r\n\r\n", options).body, "abcdefghij");
  EXPECT_EQ(ErrorOf(start + "6\r\nabcdef\r\n5\r\n", options),
            "Request payload with size 11 is larger than the limit of 10 allowed by server.");
  EXPECT_EQ(ErrorOf(start + "6\r\nabcdef\r\nffffffffffffffff\r\n", options),
            "Request payload with size 18446744073709551615 is larger than the limit of 10 allowed "
            "by server.");
  EXPECT_EQ(ErrorOf(start + "g\r\n\r\n", options), "Invalid request.");
  EXPECT_EQ(ErrorOf(start + "1\r\nab\r\n0\r\n\r\n", options), "Invalid request.");
  EXPECT_EQ(ErrorOf(start + "0\r\nContent-Length: 3\r\n\r\n", options), "Invalid request.");
  const std::string refusal =
      "Invalid header. Reason: The headers are more than the server allows.";
  EXPECT_EQ(ErrorOf(start + "1;" + std::string(97, 'a') + "\r\n", options), refusal);
  EXPECT_EQ(ErrorOf(start + "1\r\na\r\n0\r\nA: " + std::string(98, 'a') + "\r\n\r\n", options),
            refusal);
}

TEST(HttpRequestParserTest, FailsUntilResetAndThenStartsAnew) {
  HttpRequestParser parser({});
  EXPECT_TRUE(parser.is_idle());
  absl::string_view bytes = "x\r\nGET / HTTP/1.1\r\n\r\n";
  EXPECT_EQ(parser.Parse(&bytes), Outcome::kFailed);
  EXPECT_EQ(parser.Parse(&bytes), Outcome::kFailed);
  EXPECT_EQ(bytes, "GET / HTTP/1.1\r\n\r\n");
  EXPECT_FALSE(parser.is_idle());
  parser.Reset();
  EXPECT_TRUE(parser.error().ok());
  EXPECT_EQ(parser.Parse(&bytes), Outcome::kComplete);
  EXPECT_EQ(parser.TakeRequest().target, "/");
  EXPECT_TRUE(parser.is_idle());
}

TEST(HttpRequestParserTest, KeepsLittleBetweenRequests) {
  HttpRequestParser parser({});
  std::string request = "PUT / HTTP/1.1\r\nContent-Length: 50000\r\n";
  for (int i = 0; i < 14; ++i) {
    request += "A: " + std::string(1000, 'b') + "\r\n";
  }
  request += "\r\n" + std::string(50000, 'x');
  absl::string_view bytes = request;
  ASSERT_EQ(parser.Parse(&bytes), Outcome::kComplete);
  EXPECT_GT(parser.memory_bytes(), 64000u);
  EXPECT_EQ(parser.TakeRequest().body.size(), 50000u);
  EXPECT_LT(parser.memory_bytes(), 2100u);
}

}  // namespace
}  // namespace mayfly
