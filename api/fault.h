// Faults: errors in the words that Firecracker's clients know, which keep what they are about.

#ifndef MAYFLY_API_FAULT_H_
#define MAYFLY_API_FAULT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace mayfly {

// InvalidArgument with the fault message for a client.
template <typename... Parts>
absl::Status Fault(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

// The same for a failure of the host or of a file; `prefix` is what the client is told in front of
// the system's reason, `suffix` behind it.
absl::Status FaultFrom(const absl::Status& cause, absl::string_view prefix,
                       absl::string_view suffix = "");

// One with that text, whose cause is told to people only.
absl::Status FaultAbout(const absl::Status& cause, absl::string_view text);

// What a person at a terminal is told: the cause in full where the fault has one, with file and
// call, or else the fault's message.
std::string CauseText(const absl::Status& fault);

// "No such file or directory (os error 2)" where a system call failed, else the message.
std::string SystemReason(const absl::Status& status);

}  // namespace mayfly

#endif  // MAYFLY_API_FAULT_H_
