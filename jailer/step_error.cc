// Builds the jailer's errors.

#include "jailer/step_error.h"

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/os_error.h"

namespace mayfly {

absl::Status StepError(absl::string_view step, int error_number) {
  return absl::Status(absl::ErrnoToStatusCode(error_number),
                      absl::StrCat(step, ": ", OsErrorText(error_number)));
}

absl::Status StepError(absl::string_view step) { return StepError(step, errno); }

}  // namespace mayfly
