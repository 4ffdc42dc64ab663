// Parses any text as JSON and checks the tree: everything lies in its parent, in order, and a text
// is valid exactly where nlohmann's own parser says so.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "api/json_value.h"
#include "base/check.h"
#include "nlohmann/json.hpp"

namespace mayfly {
namespace {

// `value` lies in [begin, end) of the document.
void CheckPlace(const JsonValue& value, size_t begin, size_t end) {
  if (value.kind == JsonValue::Kind::kMissing) {
    return;
  }
  MAYFLY_CHECK(value.begin >= begin && value.begin < end);
  const size_t value_end = value.is_complete ? value.end : end;
  MAYFLY_CHECK(value_end > value.begin && value_end <= end);
  size_t position = value.begin + 1;
  for (const JsonMember& member : value.members) {
    if (value.kind == JsonValue::Kind::kObject) {
      MAYFLY_CHECK(member.key_end > position && member.key_end <= value_end);
      position = member.key_end;
    }
    CheckPlace(member.value, position, value_end);
    position = member.value.is_complete ? member.value.end : value_end;
  }
}

size_t Depth(absl::string_view text) {
  size_t depth = 0;
  size_t deepest = 0;
  for (const char c : text) {
    depth += c == '[' || c == '{' ? 1 : 0;
    depth -= (c == ']' || c == '}') && depth > 0 ? 1 : 0;
    deepest = std::max(deepest, depth);
  }
  return deepest;
}

}  // namespace
}  // namespace mayfly

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using mayfly::JsonDocument;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const JsonDocument document(text);
  mayfly::CheckPlace(document.root(), 0, size);
  // nlohmann's parser takes a NUL for the text's end.
  const bool has_nul = text.find('\0') != absl::string_view::npos;
  if (!has_nul && mayfly::Depth(text) <= JsonDocument::kMaxDepth &&
      !absl::StartsWith(text, "\xef")) {
    MAYFLY_CHECK(document.status().ok() == nlohmann::json::accept(text.begin(), text.end()));
  }
  if (!document.status().ok()) {
    MAYFLY_CHECK(absl::StrContains(document.status().message(), " at line "));
  }
  return 0;
}
