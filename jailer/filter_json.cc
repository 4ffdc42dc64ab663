// Reads the text twice: for faults of the text, and then for the tree.

#include "jailer/filter_json.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace mayfly {
namespace {

using Json = nlohmann::json;

absl::Status SyntaxError(absl::string_view text, size_t offset) {
  const absl::string_view before = text.substr(0, std::min(offset, text.size()));
  const size_t line_begin = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
  return absl::InvalidArgumentError(absl::StrCat("syntax error at line ",
                                                 std::count(before.begin(), before.end(), '\n') + 1,
                                                 " column ", before.size() - line_begin + 1));
}

// Takes the events of nlohmann's parser; the methods' names are those it calls.
// NOLINTBEGIN(readability-identifier-naming)
class FaultFinder {
 public:
  explicit FaultFinder(absl::string_view text) : text_(text) {}

  const absl::Status& status() const { return status_; }

  bool null() { return true; }
  bool boolean(bool /*value*/) { return true; }
  bool number_integer(Json::number_integer_t /*value*/) { return true; }
  bool number_unsigned(Json::number_unsigned_t /*value*/) { return true; }
  bool number_float(Json::number_float_t /*value*/, const Json::string_t& /*text*/) { return true; }
  bool string(const Json::string_t& /*value*/) { return true; }
  bool binary(const Json::binary_t& /*value*/) { return true; }
  bool start_array(size_t /*size*/) { return true; }
  bool end_array() { return true; }
  bool start_object(size_t /*size*/) {
    keys_.emplace_back();
    return true;
  }
  bool end_object() {
    keys_.pop_back();
    return true;
  }
  bool key(const Json::string_t& name) {
    if (!keys_.back().insert(name).second) {
      status_ = absl::InvalidArgumentError(
          absl::StrCat("an object has '", absl::Utf8SafeCHexEscape(name), "' twice"));
    }
    return status_.ok();
  }
  // `position` counts the byte that was wrong.
  bool parse_error(size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) {
    status_ = SyntaxError(text_, position == 0 ? 0 : position - 1);
    return false;
  }

 private:
  const absl::string_view text_;
  absl::Status status_;
  // Of the objects that are open.
  std::vector<std::set<std::string>> keys_;
};
// NOLINTEND(readability-identifier-naming)

}  // namespace

absl::StatusOr<nlohmann::json> ParseFilterJson(absl::string_view text) {
  // nlohmann's parser takes it for the end.
  if (const size_t nul = text.find('\0'); nul != text.npos) {
    return SyntaxError(text, nul);
  }
  FaultFinder finder(text);
  Json::sax_parse(text.begin(), text.end(), &finder);
  if (!finder.status().ok()) {
    return finder.status();
  }
  return Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

}  // namespace mayfly
