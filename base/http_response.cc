// Formats responses.

#include "base/http_response.h"

#include "absl/strings/str_cat.h"

namespace mayfly {

void AppendHttpResponse(const HttpResponse& response, std::string* out) {
  absl::StrAppend(out, "HTTP/1.1 ", response.status,
                  " \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n");
  if (!response.allow.empty()) {
    absl::StrAppend(out, "Allow: ", response.allow, "\r\n");
  }
  if (response.is_deprecated) {
    absl::StrAppend(out, "Deprecation: true\r\n");
  }
  for (const auto& [name, value] : response.extra_headers) {
    absl::StrAppend(out, name, ": ", value, "\r\n");
  }
  if (!response.body.empty()) {
    absl::StrAppend(out, "Content-Type: ", response.content_type,
                    "\r\nContent-Length: ", response.body.size(), "\r\n");
  }
  absl::StrAppend(out, "\r\n", response.body);
}

HttpResponse HttpParseErrorResponse(absl::string_view reason) {
  return {.status = 400,
          .body = absl::StrCat("{ \"error\": \"", reason,
                               "\nAll previous unanswered requests will be dropped.\" }")};
}

absl::string_view TooManyConnectionsResponse() {
  return "HTTP/1.1 503\r\n"
         "Server: Firecracker API\r\n"
         "Connection: close\r\n"
         "Content-Length: 40\r\n"
         "\r\n"
         "{ \"error\": \"Too many open connections\" }";
}

}  // namespace mayfly
