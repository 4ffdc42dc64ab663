// Gives a stream to the HTTP parser whole and in pieces, and checks that both see the same requests
// and errors, that the parser holds no more memory than it may, and that requests keep its bounds.
//
// An input is the stream up to a backslash and any other character, then one byte for each piece,
// its size; the last is used again.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/http_request_parser.h"
#include "fuzzer/FuzzedDataProvider.h"

namespace mayfly {
namespace {

using Outcome = HttpRequestParser::Outcome;

constexpr HttpRequestParser::Options kOptions = {
    .body_max_bytes = 300,
    .line_max_bytes = 128,
    .header_max_bytes = 512,
    .header_max_count = 16,
    .unknown_methods = HttpUnknownMethods::kAccept,
};

// Header block and chunk line at twice their size (strings grow that way), the headers as strings,
// the body, and what the parser consists of.
constexpr size_t kMemoryMaxBytes = 2048 + 32 * sizeof(HttpHeader) + 1024 + 1024 + 600 + 1024;

std::string Describe(const HttpRequest& request) {
  std::string text =
      absl::StrCat(request.method_name, " ", request.target, " ", request.expects_continue, "\n");
  for (const HttpHeader& header : request.headers) {
    absl::StrAppend(&text, header.name, "=", header.value, "\n");
  }
  return absl::StrCat(text, "\n", request.body);
}

void CheckRequest(const HttpRequest& request) {
  MAYFLY_CHECK(request.body.size() <= kOptions.body_max_bytes);
  MAYFLY_CHECK(request.headers.size() <= kOptions.header_max_count);
  MAYFLY_CHECK(request.target.empty() || request.target.front() == '/');
  MAYFLY_CHECK(!request.method_name.empty());
}

// What came of the stream, up to its first error.
std::vector<std::string> Parse(absl::string_view stream, const std::vector<uint8_t>& piece_bytes) {
  HttpRequestParser parser(kOptions);
  std::vector<std::string> events;
  for (size_t i = 0; !stream.empty(); ++i) {
    const size_t size_bytes =
        piece_bytes.empty() ? stream.size()
                            : std::max<size_t>(piece_bytes[std::min(i, piece_bytes.size() - 1)], 1);
    absl::string_view piece = stream.substr(0, size_bytes);
    stream.remove_prefix(piece.size());
    while (!piece.empty()) {
      const size_t before_bytes = piece.size();
      const Outcome outcome = parser.Parse(&piece);
      MAYFLY_CHECK(piece.size() < before_bytes || outcome == Outcome::kFailed);
      MAYFLY_CHECK(parser.memory_bytes() <= kMemoryMaxBytes);
      if (outcome == Outcome::kComplete) {
        const HttpRequest request = parser.TakeRequest();
        CheckRequest(request);
        events.push_back(Describe(request));
      } else if (outcome == Outcome::kExpectsContinue) {
        events.emplace_back("100");
      } else if (outcome == Outcome::kFailed) {
        events.push_back(absl::StrCat(parser.error().message(), " ", parser.refused_body_bytes()));
        return events;
      } else {
        MAYFLY_CHECK(piece.empty());
      }
    }
  }
  return events;
}

}  // namespace
}  // namespace mayfly

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider provider(data, size);
  const std::string stream = provider.ConsumeRandomLengthString();
  const std::vector<uint8_t> piece_bytes = provider.ConsumeRemainingBytes<uint8_t>();
  MAYFLY_CHECK(mayfly::Parse(stream, {}) == mayfly::Parse(stream, piece_bytes));
  MAYFLY_CHECK(mayfly::Parse(stream, {}) == mayfly::Parse(stream, {1}));
  return 0;
}
