// ResourceLimit: one limit of the jailed process, see setrlimit(2).

#ifndef MAYFLY_JAILER_RESOURCE_LIMIT_H_
#define MAYFLY_JAILER_RESOURCE_LIMIT_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jailer/rollback.h"

namespace mayfly {

// A plain value.
struct ResourceLimit {
  // The largest file in bytes (RLIMIT_FSIZE), or one more than the highest descriptor
  // (RLIMIT_NOFILE).
  enum class Kind { kFileSize, kFileCount };

  Kind kind = Kind::kFileSize;
  uint64_t value = 0;
};

// Firecracker's, for a process that was given none.
inline constexpr uint64_t kDefaultFileCount = 2048;

// Takes "fsize=N" or "no-file=N". InvalidArgument for anything else.
absl::StatusOr<ResourceLimit> ParseResourceLimit(absl::string_view text);

// Sets the soft and the hard limit of this process to each of `limits`, the last of a kind
// counting, the number of descriptors to kDefaultFileCount where `limits` has none (or to what is
// allowed, if that is less), and takes away core dumps. `rollback` sets them back, where that is
// allowed: an error is printed under the jailer's own limits. Errors: StepError.
absl::Status ApplyResourceLimits(const std::vector<ResourceLimit>& limits, Rollback& rollback);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_RESOURCE_LIMIT_H_
