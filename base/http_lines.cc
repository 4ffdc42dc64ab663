// Checks request lines and header lines.

#include "base/http_lines.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/http_request.h"

namespace mayfly {
namespace {

// The length of the character that `first` begins in UTF-8, or 0.
size_t Utf8Length(uint8_t first) {
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xc2 && first <= 0xdf) {
    return 2;
  }
  if (first >= 0xe0 && first <= 0xef) {
    return 3;
  }
  return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

// The second byte also tells over-long forms, surrogates and what lies above U+10FFFF.
bool IsSecondByte(uint8_t first, uint8_t second) {
  const uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const uint8_t most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  return second >= least && second <= most;
}

// The number of bytes up to the first that is no UTF-8; text.size() when all is well.
size_t Utf8PrefixSize(absl::string_view text) {
  const auto byte = [text](size_t index) { return static_cast<uint8_t>(text[index]); };
  size_t at = 0;
  while (at < text.size()) {
    const size_t length = Utf8Length(byte(at));
    if (length == 0 || length > text.size() - at) {
      return at;
    }
    if (length > 1 && !IsSecondByte(byte(at), byte(at + 1))) {
      return at;
    }
    for (size_t i = 2; i < length; ++i) {
      if ((byte(at + i) & 0xc0) != 0x80) {
        return at;
      }
    }
    at += length;
  }
  return at;
}

absl::Status InvalidHeader(absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat("Invalid header. Reason: ", reason));
}

absl::Status InvalidValue(absl::string_view name, absl::string_view value) {
  return InvalidHeader(absl::StrCat("Invalid value. Key:", name, "; Value:", value));
}

absl::Status CheckAcceptEncoding(absl::string_view value) {
  value = absl::StripAsciiWhitespace(value);
  if (value.empty()) {
    return InvalidHttpRequest();
  }
  for (const absl::string_view encoding : absl::StrSplit(value, ',')) {
    const absl::string_view trimmed = absl::StripAsciiWhitespace(encoding);
    if (trimmed == "identity;q=0" ||
        (trimmed == "*;q=0" && !absl::StrContains(value, "identity"))) {
      return InvalidValue("Accept-Encoding", encoding);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status InvalidHttpRequest() { return absl::InvalidArgumentError("Invalid request."); }

absl::Status UnsupportedHttpMethod() {
  return absl::InvalidArgumentError("Invalid HTTP Method: Unsupported HTTP method.");
}

absl::Status MalformedHttpHeader(absl::string_view line) {
  return InvalidHeader(
      absl::StrCat("Header is incorrectly formatted. Key: ", line.substr(0, line.find(':'))));
}

absl::Status InvalidHttpHeaderValue(absl::string_view line) {
  const size_t colon = line.find(':');
  if (colon == absl::string_view::npos) {
    return MalformedHttpHeader(line);
  }
  return InvalidValue(line.substr(0, colon), line.substr(colon + 1));
}

absl::Status HttpHeaderTooLong(absl::string_view line) {
  return InvalidHeader(
      absl::StrCat("Invalid content length. Header: ", line.substr(0, Utf8PrefixSize(line))));
}

absl::Status TooManyHttpHeaders() {
  return InvalidHeader("The headers are more than the server allows.");
}

absl::Status HttpBodyTooLarge(uint64_t body_bytes, size_t limit_bytes) {
  return absl::InvalidArgumentError(absl::StrCat("Request payload with size ", body_bytes,
                                                 " is larger than the limit of ", limit_bytes,
                                                 " allowed by server."));
}

absl::Status CheckHttpRequestLine(absl::string_view line, HttpUnknownMethods unknown_methods) {
  const size_t method_size = line.find(' ');
  if (method_size == absl::string_view::npos) {
    return InvalidHttpRequest();
  }
  const absl::string_view rest = line.substr(method_size + 1);
  const size_t target_size = rest.find(' ');
  if (target_size == absl::string_view::npos) {
    return InvalidHttpRequest();
  }
  if (unknown_methods == HttpUnknownMethods::kRefuse &&
      HttpMethodOf(line.substr(0, method_size)) == HttpMethod::kOther) {
    return UnsupportedHttpMethod();
  }
  if (target_size == 0) {
    return absl::InvalidArgumentError("Invalid URI: Empty URI not allowed.");
  }
  if (Utf8PrefixSize(rest.substr(0, target_size)) != target_size) {
    return absl::InvalidArgumentError("Invalid URI: Cannot parse URI as UTF-8.");
  }
  const absl::string_view version = rest.substr(target_size + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return absl::InvalidArgumentError("Invalid HTTP Version: Unsupported HTTP version.");
  }
  return absl::OkStatus();
}

absl::Status CheckHttpHeaderLine(absl::string_view line) {
  const size_t valid_bytes = Utf8PrefixSize(line);
  if (valid_bytes != line.size()) {
    return InvalidHeader(
        absl::StrCat("Header contains invalid characters. Key: invalid utf-8 sequence from index ",
                     valid_bytes));
  }
  const size_t colon = line.find(':');
  if (colon == absl::string_view::npos || line.front() == ' ' || line.front() == '\t') {
    return MalformedHttpHeader(line);
  }
  if (absl::EqualsIgnoreCase(line.substr(0, colon), "Accept-Encoding")) {
    return CheckAcceptEncoding(line.substr(colon + 1));
  }
  return absl::OkStatus();
}

absl::string_view HttpPathOf(absl::string_view target) {
  constexpr absl::string_view kScheme =
      "http:"
      "//";
  if (absl::StartsWith(target, kScheme)) {
    target.remove_prefix(kScheme.size());
    target.remove_prefix(std::min(target.find('/'), target.size()));
  }
  return absl::StartsWith(target, "/") ? target : absl::string_view();
}

}  // namespace mayfly
