// Reads /proc/misc.

#include "jailer/misc_device.h"

#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "jailer/directory.h"
#include "jailer/small_file.h"

namespace mayfly {

std::optional<unsigned> FindMiscDevice(absl::string_view text, absl::string_view name) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    unsigned minor = 0;
    if (words.size() == 2 && words[1] == name && absl::SimpleAtoi(words[0], &minor)) {
      return minor;
    }
  }
  return std::nullopt;
}

std::optional<unsigned> FindMiscDevice(absl::string_view name) {
  const auto proc = Directory::Open("/proc");
  if (!proc.ok()) {
    return std::nullopt;
  }
  const auto text = ReadSmallFile(*proc, "misc");
  return text.ok() ? FindMiscDevice(*text, name) : std::nullopt;
}

}  // namespace mayfly
