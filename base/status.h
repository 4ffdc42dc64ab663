// Status helpers: errors of system calls, context added on the way up, early return.
//
// The rules (docs/architecture.md): a Status is created with the call that failed
// ("KVM_CREATE_VM: Device or resource busy"), and each layer adds at most once which object it was
// about.

#ifndef MAYFLY_BASE_STATUS_H_
#define MAYFLY_BASE_STATUS_H_

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mayfly {

// The Status of a failed system call: code from `error_number`, message "call: strerror text". It
// carries the number, see ErrnoOf.
absl::Status ErrnoError(absl::string_view call, int error_number);

// The same with the current errno. Call right after the failing call.
absl::Status ErrnoError(absl::string_view call);

// The errno value of the failed system call that `status` tells of; empty for other errors and OK.
std::optional<int> ErrnoOf(const absl::Status& status);

// `status` with "context: " before its message; OK stays OK. Code and errno are kept.
absl::Status Annotate(const absl::Status& status, absl::string_view context);
// The same with " (hint)" after it.
absl::Status AddHint(const absl::Status& status, absl::string_view hint);

// Lets the macros below take a Status and a StatusOr<T> alike.
inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

}  // namespace mayfly

#define MAYFLY_CONCAT_INNER(a, b) a##b
#define MAYFLY_CONCAT(a, b) MAYFLY_CONCAT_INNER(a, b)

// RETURN_IF_ERROR(expression): returns the expression's Status from the enclosing function unless
// OK.
#define RETURN_IF_ERROR(expression)                                              \
  do {                                                                           \
    if (auto&& mayfly_result = (expression); !mayfly_result.ok()) [[unlikely]] { \
      return ::mayfly::StatusOf(mayfly_result);                                  \
    }                                                                            \
  } while (false)

// ASSIGN_OR_RETURN(auto x, expression): x takes the value, or the enclosing function returns the
// error. Expands to several statements: never the unbraced body of an if or a loop.
#define ASSIGN_OR_RETURN(lhs, expression) \
  MAYFLY_ASSIGN_OR_RETURN(MAYFLY_CONCAT(mayfly_status_or_, __LINE__), lhs, expression)

#define MAYFLY_ASSIGN_OR_RETURN(temporary, lhs, expression) \
  auto temporary = (expression);                            \
  if (!temporary.ok()) [[unlikely]] {                       \
    return temporary.status();                              \
  }                                                         \
  lhs = *std::move(temporary)

#endif  // MAYFLY_BASE_STATUS_H_
