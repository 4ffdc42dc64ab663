// Keeps the document and finds values in it. nlohmann::json ends the process where it would throw,
// so only calls that cannot fail are used.

#include "devices/mmds/mmds_store.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace mayfly {
namespace {

using nlohmann::json;

bool IsDeeperThan(const json& value, int depth) {
  return value.is_structured() &&
         (depth == 0 || std::any_of(value.begin(), value.end(), [depth](const json& element) {
            return IsDeeperThan(element, depth - 1);
          }));
}

std::string Write(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// RFC 6901, 4: digits without leading zeroes.
std::optional<size_t> ParseIndex(absl::string_view token) {
  uint64_t index = 0;
  if (token.empty() || token.size() > 19 || (token[0] == '0' && token.size() > 1) ||
      !std::all_of(token.begin(), token.end(), [](char c) { return c >= '0' && c <= '9'; }) ||
      !absl::SimpleAtoi(token, &index)) {
    return std::nullopt;
  }
  return index;
}

// Null when there is none.
const json* Child(const json& value, absl::string_view token) {
  if (value.is_object()) {
    // In this order: "~01" is "~1".
    const auto found =
        value.find(absl::StrReplaceAll(absl::StrReplaceAll(token, {{"~1", "/"}}), {{"~0", "~"}}));
    return found == value.end() ? nullptr : &*found;
  }
  if (value.is_array()) {
    const std::optional<size_t> index = ParseIndex(token);
    return index.has_value() && *index < value.size() ? &value[*index] : nullptr;
  }
  return nullptr;
}

const json* Find(const json& root, absl::string_view path) {
  path = absl::StripSuffix(path, "/");
  if (path.empty()) {
    return &root;
  }
  if (!absl::ConsumePrefix(&path, "/")) {
    return nullptr;
  }
  const json* value = &root;
  for (const absl::string_view token : absl::StrSplit(path, '/')) {
    value = Child(*value, token);
    if (value == nullptr) {
      return nullptr;
    }
  }
  return value;
}

std::string KeyLines(const json& object) {
  std::string lines;
  for (auto item = object.begin(); item != object.end(); ++item) {
    absl::StrAppend(&lines, item.key(), item.value().is_object() ? "/\n" : "\n");
  }
  return std::string(absl::StripSuffix(lines, "\n"));
}

absl::StatusOr<json> Parse(absl::string_view text) {
  json content = json::parse(text.begin(), text.end(), nullptr, false);
  if (content.is_discarded()) {
    return absl::InvalidArgumentError("The MMDS data store's content is not valid JSON.");
  }
  return content;
}

}  // namespace

absl::Status MmdsStore::Put(json content) {
  RETURN_IF_ERROR(Check(content));
  content_ = std::move(content);
  is_put_ = true;
  return absl::OkStatus();
}

absl::Status MmdsStore::PutText(absl::string_view text) {
  ASSIGN_OR_RETURN(json content, Parse(text));
  return Put(std::move(content));
}

absl::Status MmdsStore::PatchText(absl::string_view text) {
  ASSIGN_OR_RETURN(const json patch, Parse(text));
  return Patch(patch);
}

absl::Status MmdsStore::Patch(const json& patch) {
  if (!is_put_) {
    return absl::FailedPreconditionError("The MMDS data store is not initialized.");
  }
  if (IsDeeperThan(patch, kMaxDepth)) {
    return absl::InvalidArgumentError("The MMDS data store's content is nested too deeply.");
  }
  json content = content_;
  content.merge_patch(patch);
  return Put(std::move(content));
}

absl::Status MmdsStore::Check(const json& content) const {
  if (!content.is_object()) {
    return absl::InvalidArgumentError("The MMDS data store's content must be a JSON object.");
  }
  if (IsDeeperThan(content, kMaxDepth)) {
    return absl::InvalidArgumentError("The MMDS data store's content is nested too deeply.");
  }
  if (Write(content).size() > max_bytes_) {
    return absl::ResourceExhaustedError("The MMDS patch request doesn't fit.");
  }
  return absl::OkStatus();
}

std::string MmdsStore::Text() const { return Write(content_); }

absl::StatusOr<std::string> MmdsStore::Lookup(absl::string_view guest_path, Format format) const {
  const json* value = Find(content_, guest_path);
  if (value == nullptr) {
    return absl::NotFoundError("no such value");
  }
  if (format == Format::kJson) {
    return Write(*value);
  }
  if (value->is_object()) {
    return KeyLines(*value);
  }
  if (value->is_string()) {
    return value->get_ref<const std::string&>();
  }
  return absl::UnimplementedError("Cannot retrieve value. The value has an unsupported type.");
}

}  // namespace mayfly
