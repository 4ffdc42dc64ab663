// HttpResponse: the bytes of responses, compared whole.

#include "base/http_response.h"

#include <string>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

std::string Format(const HttpResponse& response) {
  std::string bytes;
  AppendHttpResponse(response, &bytes);
  return bytes;
}

TEST(HttpResponseTest, HasNeitherReasonNorContentHeadersWithoutABody) {
  EXPECT_EQ(Format({}),
            "HTTP/1.1 204 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(Format({.status = 100}),
            "HTTP/1.1 100 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n\r\n");
}

TEST(HttpResponseTest, OrdersItsHeaders) {
  EXPECT_EQ(Format({.status = 405,
                    .body = "no",
                    .content_type = "text/plain",
                    .allow = "GET, PUT",
                    .is_deprecated = true,
                    .extra_headers = {{"X-Ttl", "60"}, {"X-B", "c"}}}),
            "HTTP/1.1 405 \r\n"
            "Server: Firecracker API\r\n"
            "Connection: keep-alive\r\n"
            "Allow: GET, PUT\r\n"
            "Deprecation: true\r\n"
            "X-Ttl: 60\r\n"
            "X-B: c\r\n"
            "Content-Type: text/plain\r\n"
            "Content-Length: 2\r\n"
            "\r\n"
            "no");
}

TEST(HttpResponseTest, AppendsToWhatIsThere) {
  std::string bytes = "before";
  AppendHttpResponse({.status = 200, .body = "{}"}, &bytes);
  EXPECT_EQ(bytes,
            "beforeHTTP/1.1 200 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
}

// The sample of Firecracker's own test, byte for byte.
TEST(HttpResponseTest, SaysWhyARequestWasNotUnderstood) {
  EXPECT_EQ(
      Format(HttpParseErrorResponse(
          "Request payload with size 260 is larger than the limit of 250 allowed by server.")),
      "HTTP/1.1 400 \r\n"
      "Server: Firecracker API\r\n"
      "Connection: keep-alive\r\n"
      "Content-Type: application/json\r\n"
      "Content-Length: 145\r\n"
      "\r\n"
      "{ \"error\": \"Request payload with size 260 is larger than the limit of 250 allowed by "
      "server.\nAll previous unanswered requests will be dropped.\" }");
}

TEST(HttpResponseTest, OneConnectionTooManyIsToldInFortyBytes) {
  EXPECT_EQ(TooManyConnectionsResponse(),
            "HTTP/1.1 503\r\nServer: Firecracker API\r\nConnection: close\r\nContent-Length: "
            "40\r\n\r\n{ \"error\": \"Too many open connections\" }");
}

}  // namespace
}  // namespace mayfly
