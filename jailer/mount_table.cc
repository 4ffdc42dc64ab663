// Parses /proc/self/mountinfo.

#include "jailer/mount_table.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "base/status.h"
#include "jailer/directory.h"
#include "jailer/small_file.h"

namespace mayfly {
namespace {

constexpr char kOwnProcess[] = "/proc/self";
// Of the fields before the separator "-".
constexpr size_t kMountPointField = 4;
constexpr size_t kMinFields = 6;
// Of those after it.
constexpr size_t kTailFields = 3;
constexpr size_t kEscapeBytes = 4;

bool IsOctal(char digit) { return digit >= '0' && digit <= '7'; }

// The kernel writes blanks, line ends and backslashes as "\040".
std::string Unescape(absl::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const absl::string_view digits = text.substr(1, kEscapeBytes - 1);
    if (text[0] == '\\' && digits.size() == kEscapeBytes - 1 &&
        std::all_of(digits.begin(), digits.end(), IsOctal)) {
      int code = 0;
      for (const char digit : digits) {
        code = code * 8 + (digit - '0');
      }
      plain.push_back(static_cast<char>(code));
      text.remove_prefix(kEscapeBytes);
    } else {
      plain.push_back(text[0]);
      text.remove_prefix(1);
    }
  }
  return plain;
}

}  // namespace

std::vector<Mount> ParseMountTable(absl::string_view text) {
  std::vector<Mount> mounts;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (dash - fields.begin() < static_cast<ptrdiff_t>(kMinFields) ||
        fields.end() - dash <= static_cast<ptrdiff_t>(kTailFields)) {
      continue;
    }
    mounts.push_back({.mount_point = Unescape(fields[kMountPointField]),
                      .type = std::string(dash[1]),
                      .super_options = Unescape(dash[kTailFields])});
  }
  return mounts;
}

absl::StatusOr<std::vector<Mount>> ReadMountTable() {
  ASSIGN_OR_RETURN(const Directory process, Directory::Open(kOwnProcess));
  ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(process, "mountinfo"));
  return ParseMountTable(text);
}

}  // namespace mayfly
