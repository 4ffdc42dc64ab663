// Landlock: takes from a process what a monitor never does to files, sockets and other processes.

#ifndef MAYFLY_JAILER_LANDLOCK_H_
#define MAYFLY_JAILER_LANDLOCK_H_

#include "absl/status/statusor.h"

namespace mayfly {

// Confines the calling thread and those it starts from now on (Documentation/userspace-api/
// landlock.rst of the kernel): nothing is executed, no folder, device node, link or block special
// file made, no TCP port bound or connected to, no abstract Unix socket connected to and no signal
// sent outside of the process. Files are read, written, made and removed as before. The thread has
// no_new_privs.
//
// Returns the kernel's Landlock ABI, of which this uses what there is, up to 6; 0 when the kernel
// has no Landlock, or has it switched off, and nothing was done. Errors: the failing call.
absl::StatusOr<int> RestrictWithLandlock();

}  // namespace mayfly

#endif  // MAYFLY_JAILER_LANDLOCK_H_
