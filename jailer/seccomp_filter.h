// SeccompFilter: a compiled filter, and its installation on the calling thread.

#ifndef MAYFLY_JAILER_SECCOMP_FILTER_H_
#define MAYFLY_JAILER_SECCOMP_FILTER_H_

#include <linux/filter.h>

#include <span>

#include "absl/status/status.h"
#include "jailer/seccomp_policy.h"

namespace mayfly {

// The filter of SeccompPolicy(kind), which embed_filters compiled while the program was built.
std::span<const sock_filter> BuiltInFilter(ThreadKind kind);

// For the calling thread and those it starts from now on, on top of the filters it has. It has
// no_new_privs, or CAP_SYS_ADMIN. Errors: "seccomp: reason".
absl::Status InstallSeccompFilter(std::span<const sock_filter> filter);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_SECCOMP_FILTER_H_
