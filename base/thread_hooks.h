// ThreadHooks: what confines the monitor's threads, handed down to those who start them.

#ifndef MAYFLY_BASE_THREAD_HOOKS_H_
#define MAYFLY_BASE_THREAD_HOOKS_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mayfly {

// Makes a vCPU leave the guest; handled without effect. The first real-time signal that neither
// glibc nor musl keeps for itself; Firecracker's users know it too.
inline constexpr int kVcpuKickSignal = 35;

// Plain values; an empty hook does nothing. Each runs once on every thread of its kind, which is
// confined from then on.
struct ThreadHooks {
  // On the loop thread, before the guest's first instruction.
  std::function<absl::Status()> on_loop;
  // On each vCPU thread, before its first KVM_RUN.
  std::function<absl::Status()> on_vcpu;
};

// What the command line says of confinement.
struct ConfinementOptions {
  bool has_seccomp = true;
  // In place of the built-in filters: a file of the seccompiler's.
  std::optional<std::string> seccomp_filter_path;
};

// Confines the calling thread, and those it starts later, to what a monitor needs before its guest
// runs; what it returns confines them to what is needed after that. On the main thread, once the
// ring and the signal handlers are there. main.cc hands the jailer's function to the monitor; tests
// that run one in their own process hand none.
using Confine = std::function<absl::StatusOr<ThreadHooks>(const ConfinementOptions& options)>;

}  // namespace mayfly

#endif  // MAYFLY_BASE_THREAD_HOOKS_H_
