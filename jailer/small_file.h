// SmallFile: reads and writes of the kernel's files, such as those of control groups, at once.

#ifndef MAYFLY_JAILER_SMALL_FILE_H_
#define MAYFLY_JAILER_SMALL_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jailer/directory.h"

namespace mayfly {

// All of the file `name` in `folder`. A symbolic link is refused. Errors: StepError.
absl::StatusOr<std::string> ReadSmallFile(const Directory& folder, const std::string& name);

// Writes `value` to an existing file in one write(2), as the kernel wants values. Errors as above.
absl::Status WriteSmallFile(const Directory& folder, const std::string& name,
                            absl::string_view value);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_SMALL_FILE_H_
