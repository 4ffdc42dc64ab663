// Keeps a fault's cause as a payload of its Status.

#include "api/fault.h"

#include "absl/strings/cord.h"
#include "base/os_error.h"
#include "base/status.h"

namespace mayfly {
namespace {

constexpr absl::string_view kCausePayload = "mayfly/cause";

}  // namespace

absl::Status FaultAbout(const absl::Status& cause, absl::string_view text) {
  absl::Status fault = Fault(text);
  fault.SetPayload(kCausePayload, absl::Cord(cause.message()));
  return fault;
}

absl::Status FaultFrom(const absl::Status& cause, absl::string_view prefix,
                       absl::string_view suffix) {
  return FaultAbout(cause, absl::StrCat(prefix, SystemReason(cause), suffix));
}

std::string CauseText(const absl::Status& fault) {
  const auto cause = fault.GetPayload(kCausePayload);
  return cause ? std::string(*cause) : std::string(fault.message());
}

std::string SystemReason(const absl::Status& status) {
  const auto error = ErrnoOf(status);
  return error ? OsErrorText(*error) : std::string(status.message());
}

}  // namespace mayfly
