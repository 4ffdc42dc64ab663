// StepError: the errors of the jailer, each with the step, what it was about and the reason.

#ifndef MAYFLY_JAILER_STEP_ERROR_H_
#define MAYFLY_JAILER_STEP_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mayfly {

// "step: No such file or directory (os error 2)", in the words of base/os_error.h, which clients
// of Firecracker's jailer match on. `step` names what was done and to which path.
absl::Status StepError(absl::string_view step, int error_number);

// The same with the current errno. Call right after the failing call.
absl::Status StepError(absl::string_view step);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_STEP_ERROR_H_
