// Builds Status values from errno and adds context.

#include "base/status.h"

#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace mayfly {

absl::Status ErrnoError(absl::string_view call, int error_number) {
  const std::string reason = std::generic_category().message(error_number);
  return {absl::ErrnoToStatusCode(error_number), absl::StrCat(call, ": ", reason)};
}

absl::Status ErrnoError(absl::string_view call) { return ErrnoError(call, errno); }

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) {
    return status;
  }
  return {status.code(), absl::StrCat(context, ": ", status.message())};
}

}  // namespace mayfly
