// Parses and sets resource limits.

#include "jailer/resource_limit.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "jailer/step_error.h"

namespace mayfly {
namespace {

absl::Status SetLimit(__rlimit_resource resource, absl::string_view name, uint64_t value,
                      Rollback& rollback) {
  rlimit before = {};
  if (getrlimit(resource, &before) == 0) {
    rollback.Add([resource, before] { IgnoreResult(setrlimit(resource, &before)); });
  }
  const rlimit limit = {.rlim_cur = value, .rlim_max = value};
  if (setrlimit(resource, &limit) != 0) {
    return StepError(absl::StrCat("Failed to set the limit ", name, " to ", value));
  }
  return absl::OkStatus();
}

// An ordinary user cannot raise the hard limit, and did not ask for it.
uint64_t DefaultFileCount() {
  rlimit limit = {};
  if (geteuid() == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return kDefaultFileCount;
  }
  return std::min<uint64_t>(kDefaultFileCount, limit.rlim_max);
}

}  // namespace

absl::StatusOr<ResourceLimit> ParseResourceLimit(absl::string_view text) {
  const size_t equals = text.find('=');
  const absl::string_view name = text.substr(0, equals);
  const absl::string_view digits = equals == text.npos ? "" : text.substr(equals + 1);
  ResourceLimit limit;
  limit.kind = name == "fsize" ? ResourceLimit::Kind::kFileSize : ResourceLimit::Kind::kFileCount;
  // SimpleAtoi allows blanks and signs.
  const bool is_digits = !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos;
  if ((name != "fsize" && name != "no-file") || !is_digits ||
      !absl::SimpleAtoi(digits, &limit.value)) {
    return absl::InvalidArgumentError(
        absl::StrCat("must be fsize=BYTES or no-file=NUMBER, not '", text, "'"));
  }
  return limit;
}

absl::Status ApplyResourceLimits(const std::vector<ResourceLimit>& limits, Rollback& rollback) {
  RETURN_IF_ERROR(SetLimit(RLIMIT_CORE, "core", 0, rollback));
  const bool has_file_count = std::any_of(limits.begin(), limits.end(), [](const auto& limit) {
    return limit.kind == ResourceLimit::Kind::kFileCount;
  });
  if (!has_file_count) {
    RETURN_IF_ERROR(SetLimit(RLIMIT_NOFILE, "no-file", DefaultFileCount(), rollback));
  }
  for (const ResourceLimit& limit : limits) {
    const bool is_size = limit.kind == ResourceLimit::Kind::kFileSize;
    RETURN_IF_ERROR(SetLimit(is_size ? RLIMIT_FSIZE : RLIMIT_NOFILE, is_size ? "fsize" : "no-file",
                             limit.value, rollback));
  }
  return absl::OkStatus();
}

}  // namespace mayfly
