// Checks ids of VMs.

#include "base/instance_id.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace mayfly {
namespace {

constexpr size_t kMaxBytes = 64;

}  // namespace

absl::Status CheckInstanceId(absl::string_view id) {
  if (id.empty() || id.size() > kMaxBytes) {
    return absl::InvalidArgumentError(absl::StrCat("Invalid instance ID: Invalid len (", id.size(),
                                                   ");  the length must be between 1 and ",
                                                   kMaxBytes));
  }
  for (size_t i = 0; i < id.size(); ++i) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(id[i])) && id[i] != '-') {
      return absl::InvalidArgumentError(absl::StrCat("Invalid instance ID: Invalid char (",
                                                     id.substr(i, 1), ") at position ", i));
    }
  }
  return absl::OkStatus();
}

}  // namespace mayfly
