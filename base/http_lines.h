// Checks of single lines of an HTTP request, with the error texts of Firecracker's server.
//
// They stand in front of Boost.Beast's parser, which knows neither these texts nor all of these
// limits. A refusal is InvalidArgument; its message is the reason that the client is told.

#ifndef MAYFLY_BASE_HTTP_LINES_H_
#define MAYFLY_BASE_HTTP_LINES_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mayfly {

// What becomes of a request whose method is a word, but none of GET, PUT, PATCH and DELETE.
enum class HttpUnknownMethods {
  kRefuse,  // "Invalid HTTP Method: ..."
  kAccept,  // it is HttpMethod::kOther
};

// "Invalid request."
absl::Status InvalidHttpRequest();
// "Invalid HTTP Method: Unsupported HTTP method."
absl::Status UnsupportedHttpMethod();
// "Invalid header. Reason: ..." with the two parts of `line` on both sides of its colon.
absl::Status MalformedHttpHeader(absl::string_view line);
absl::Status InvalidHttpHeaderValue(absl::string_view line);
// The same with the begun line, which is as long as a line may be.
absl::Status HttpHeaderTooLong(absl::string_view line);
// "Invalid header. Reason: ..." for bounds that Firecracker's server does not have.
absl::Status TooManyHttpHeaders();
// "Request payload with size N is larger than the limit of M allowed by server."
absl::Status HttpBodyTooLarge(uint64_t body_bytes, size_t limit_bytes);

// `line` is a request line without its line end: method, target and version, in this order.
absl::Status CheckHttpRequestLine(absl::string_view line, HttpUnknownMethods unknown_methods);

// `line` is a header without its line end: UTF-8, a name and a colon, not the continuation of the
// line before it, and an Accept-Encoding that allows for plain bytes.
absl::Status CheckHttpHeaderLine(absl::string_view line);

// The path of a request's target: without scheme and host, empty when it does not begin with a
// slash.
absl::string_view HttpPathOf(absl::string_view target);

}  // namespace mayfly

#endif  // MAYFLY_BASE_HTTP_LINES_H_
