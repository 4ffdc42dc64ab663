// Builds Status values from errno and adds context.

#include "base/status.h"

#include <cerrno>
#include <string>
#include <system_error>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace mayfly {
namespace {

constexpr char kErrnoPayload[] = "mayfly/errno";

absl::Status WithMessage(const absl::Status& status, absl::string_view message) {
  if (status.ok()) {
    return status;
  }
  absl::Status changed(status.code(), message);
  status.ForEachPayload([&changed](absl::string_view type, const absl::Cord& payload) {
    changed.SetPayload(type, payload);
  });
  return changed;
}

}  // namespace

absl::Status ErrnoError(absl::string_view call, int error_number) {
  const std::string reason = std::generic_category().message(error_number);
  absl::Status status(absl::ErrnoToStatusCode(error_number), absl::StrCat(call, ": ", reason));
  status.SetPayload(kErrnoPayload, absl::Cord(absl::StrCat(error_number)));
  return status;
}

absl::Status ErrnoError(absl::string_view call) { return ErrnoError(call, errno); }

std::optional<int> ErrnoOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kErrnoPayload);
  int error_number = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &error_number)) {
    return std::nullopt;
  }
  return error_number;
}

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  return WithMessage(status, absl::StrCat(context, ": ", status.message()));
}

absl::Status AddHint(const absl::Status& status, absl::string_view hint) {
  return WithMessage(status, absl::StrCat(status.message(), " (", hint, ")"));
}

}  // namespace mayfly
