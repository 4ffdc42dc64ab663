// Jail: the steps that make a jail, in the order of Firecracker's jailer.

#ifndef MAYFLY_JAILER_JAIL_H_
#define MAYFLY_JAILER_JAIL_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "jailer/jailer_options.h"

namespace mayfly {

// A plain value.
struct JailRequest {
  JailerOptions options;
  Caller caller;
  // The folder of all jails; exists.
  std::string base;
  // What the program is to have.
  mode_t umask = 0;
  // When the jailer started: CLOCK_MONOTONIC and its CPU time.
  int64_t start_time_us = 0;
  int64_t start_cpu_time_us = 0;
};

// Jails and runs the program: in place of this process, or OK once it runs in another one. After
// an error nothing is left of the jail but what was there before. For a process with one thread,
// the umask 0 and no descriptors but the standard streams.
absl::Status RunJail(const JailRequest& request);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_JAIL_H_
