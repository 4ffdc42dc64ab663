// HttpRequest: a request of HTTP/1.1 as a plain struct, apart from how it came.

#ifndef MAYFLY_BASE_HTTP_REQUEST_H_
#define MAYFLY_BASE_HTTP_REQUEST_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace mayfly {

enum class HttpMethod { kGet, kPut, kPatch, kDelete, kOther };

// kOther for every other text; methods are case-sensitive.
HttpMethod HttpMethodOf(absl::string_view name);

struct HttpHeader {
  std::string name;
  // Without the white space around it.
  std::string value;
};

// What a client said; everything in it is the client's choice.
struct HttpRequest {
  // The value of the first header of that name, upper and lower case being the same. A view of this
  // request.
  std::optional<absl::string_view> FindHeader(absl::string_view name) const;

  HttpMethod method = HttpMethod::kGet;
  // As the client wrote it.
  std::string method_name;
  // The path: what came, without scheme and host. Empty when it does not begin with a slash. A
  // query is a part of it.
  std::string target;
  // In the order they came, names as the client wrote them.
  std::vector<HttpHeader> headers;
  std::string body;
  // The client waits for a response of status 100 before it sends the body.
  bool expects_continue = false;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_HTTP_REQUEST_H_
