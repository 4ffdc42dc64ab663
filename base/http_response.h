// HttpResponse: an answer of HTTP/1.1, and its bytes exactly as Firecracker's server writes them.

#ifndef MAYFLY_BASE_HTTP_RESPONSE_H_
#define MAYFLY_BASE_HTTP_RESPONSE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace mayfly {

struct HttpResponse {
  int status = 204;
  // Empty: neither Content-Type nor Content-Length is sent, whatever the status.
  std::string body;
  std::string content_type = "application/json";
  // The value of an "Allow" header, such as "GET, PUT"; none when empty.
  std::string allow;
  // Adds "Deprecation: true".
  bool is_deprecated = false;
  // Names and values, sent as they are: neither may hold a line end.
  std::vector<std::pair<std::string, std::string>> extra_headers;
};

// Appends the response's bytes to `out`. The status line has no reason phrase, the version is
// always HTTP/1.1, and the connection is always kept.
void AppendHttpResponse(const HttpResponse& response, std::string* out);

// The answer to what HttpRequestParser refused for `reason`. The line end in its body is a real
// one, so that the body is not valid JSON: clients know it this way.
HttpResponse HttpParseErrorResponse(absl::string_view reason);

// The bytes for a client too many, whose connection is then closed.
absl::string_view TooManyConnectionsResponse();

}  // namespace mayfly

#endif  // MAYFLY_BASE_HTTP_RESPONSE_H_
