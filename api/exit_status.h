// ExitStatus: how the mayfly program ends, for callers and scripts.

#ifndef MAYFLY_API_EXIT_STATUS_H_
#define MAYFLY_API_EXIT_STATUS_H_

namespace mayfly {

// Documented in docs/mayfly.1. `mayfly run` ended by a signal reports 128 + its number; the API's
// monitor dies of the signal, as Firecracker does.
enum ExitStatus : int {
  kExitOk = 0,          // the guest rebooted or powered off, or the user quit
  kExitError = 1,       // the host or a file refused something
  kExitUsage = 2,       // the command line is wrong
  kExitGuestFault = 3,  // a triple fault, an exit this monitor does not know, an emulation failure
  // Firecracker's, for the monitor of the API, which has kExitError for a guest's fault.
  kExitBadConfiguration = 152,
  kExitArguments = 153,
};

inline constexpr int kExitSignalBase = 128;

}  // namespace mayfly

#endif  // MAYFLY_API_EXIT_STATUS_H_
