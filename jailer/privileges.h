// Privileges: gives up everything but a user and a group.

#ifndef MAYFLY_JAILER_PRIVILEGES_H_
#define MAYFLY_JAILER_PRIVILEGES_H_

#include <sys/types.h>

namespace mayfly {

// Who the jailed program is to run as. A plain value.
struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  // Supplementary groups stay: those of a user namespace cannot be changed.
  bool keeps_groups = false;
};

// The steps of a launch (jailer/launch.h) that can fail, in their order.
enum class LaunchStep {
  kNone,
  kFork,
  kPidNamespace,
  kPidFile,
  kStandardStreams,
  kNoNewPrivileges,
  kCapabilities,
  kGroup,
  kGroups,
  kUser,
  kExecute,
};

// kNone, or the step that failed, with errno. Needs only system calls and no memory, so that it may
// run after a fork(2).
//
// Afterwards the process has the group and user of `identity`, no supplementary groups, an empty
// bounding, ambient and inheritable set of capabilities, and no_new_privs. What it still has, the
// permitted set and a saved user ID of 0, ends in the kernel at execve(2) (capabilities(7),
// "Transformation of capabilities during execve()"; the saved ID becomes the effective one,
// execve(2)): until then RegainPrivileges can undo it for cleaning up, since only execve says
// whether the program can be run.
LaunchStep DropPrivileges(const Identity& identity);

// After a failed execve(2): the user that this process was, with its capabilities.
void RegainPrivileges(uid_t uid);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_PRIVILEGES_H_
