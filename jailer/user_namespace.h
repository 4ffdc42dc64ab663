// UserNamespace: what lets an ordinary user make a jail.

#ifndef MAYFLY_JAILER_USER_NAMESPACE_H_
#define MAYFLY_JAILER_USER_NAMESPACE_H_

#include <sys/types.h>

#include "absl/status/status.h"

namespace mayfly {

// Moves this single-threaded process into a new user namespace (user_namespaces(7)), where it has
// all capabilities until it executes a program, and where `uid` and `gid`, its own, are the only
// ids. Its supplementary groups stay and cannot be changed any more. Errors: StepError; one of a
// host that forbids it says so.
absl::Status EnterUserNamespace(uid_t uid, gid_t gid);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_USER_NAMESPACE_H_
