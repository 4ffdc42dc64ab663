// Parses settings of control groups.

#include "jailer/cgroup_setting.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace mayfly {
namespace {

bool IsFileCharacter(char character) {
  return absl::ascii_isalnum(static_cast<unsigned char>(character)) || character == '.' ||
         character == '_' || character == '-';
}

}  // namespace

absl::StatusOr<CgroupSetting> ParseCgroupSetting(absl::string_view text) {
  const size_t equals = text.find('=');
  const absl::string_view file = text.substr(0, equals);
  const size_t dot = file.find('.');
  const bool is_file = std::all_of(file.begin(), file.end(), IsFileCharacter) && dot > 0 &&
                       dot != file.npos && dot + 1 < file.size();
  if (equals == text.npos || !is_file || equals + 1 == text.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("must be CONTROLLER.NAME=VALUE, not '", text, "'"));
  }
  return CgroupSetting{.controller = std::string(file.substr(0, dot)),
                       .file = std::string(file),
                       .value = std::string(text.substr(equals + 1))};
}

absl::Status CheckParentCgroup(absl::string_view path) {
  const std::vector<absl::string_view> names = absl::StrSplit(path, '/', absl::SkipEmpty());
  const bool leaves = std::any_of(names.begin(), names.end(),
                                  [](auto name) { return name == "." || name == ".."; });
  if (names.empty() || path[0] == '/' || leaves) {
    return absl::InvalidArgumentError(
        absl::StrCat("must be a relative path without '.' and '..', not '", path, "'"));
  }
  return absl::OkStatus();
}

}  // namespace mayfly
