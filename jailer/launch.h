// Launch: the last steps, from the forks to the jailed program.

#ifndef MAYFLY_JAILER_LAUNCH_H_
#define MAYFLY_JAILER_LAUNCH_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/owned_fd.h"
#include "jailer/directory.h"
#include "jailer/privileges.h"
#include "jailer/rollback.h"

namespace mayfly {

// What is to be run, in a process whose root is the jail's. A plain value.
struct LaunchPlan {
  std::string program;   // "/mayfly"
  std::string pid_file;  // its name in the root
  std::string id;
  std::vector<const char*> extra_arguments;
  Identity identity;
  mode_t umask = 0;
  // What to put in the place of the standard streams; with it the program runs in a session of its
  // own in the background. Opened outside of the jail.
  OwnedFd null_device;
  bool has_new_pid_ns = false;
  // When the jailer started: CLOCK_MONOTONIC and its CPU time.
  int64_t start_time_us = 0;
  int64_t start_cpu_time_us = 0;

  bool daemonizes() const { return null_device.is_open(); }
};

// Writes the pid file, as pids are seen by the caller, drops privileges and executes the program
// without environment. In place of this process when the plan has no fork in it: returns only with
// an error then. Otherwise OK once the program runs. Errors: StepError.
absl::Status Launch(const LaunchPlan& plan, const Directory& root, Rollback& rollback);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_LAUNCH_H_
