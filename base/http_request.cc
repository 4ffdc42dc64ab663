// Methods and header look-up of a request.

#include "base/http_request.h"

#include "absl/strings/match.h"

namespace mayfly {

HttpMethod HttpMethodOf(absl::string_view name) {
  if (name == "GET") {
    return HttpMethod::kGet;
  }
  if (name == "PUT") {
    return HttpMethod::kPut;
  }
  if (name == "PATCH") {
    return HttpMethod::kPatch;
  }
  if (name == "DELETE") {
    return HttpMethod::kDelete;
  }
  return HttpMethod::kOther;
}

std::optional<absl::string_view> HttpRequest::FindHeader(absl::string_view name) const {
  for (const HttpHeader& header : headers) {
    if (absl::EqualsIgnoreCase(header.name, name)) {
      return header.value;
    }
  }
  return std::nullopt;
}

}  // namespace mayfly
