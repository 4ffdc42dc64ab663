// SeccompPolicy: which system calls each kind of thread may make.

#ifndef MAYFLY_JAILER_SECCOMP_POLICY_H_
#define MAYFLY_JAILER_SECCOMP_POLICY_H_

#include <array>
#include <vector>

#include "absl/strings/string_view.h"
#include "jailer/syscall_rule.h"

namespace mayfly {

enum class ThreadKind {
  // The loop's thread until a guest runs: it configures, loads kernels and snapshots, builds the
  // VM. The threads it starts inherit the filter, so that it allows what they may do, too.
  kStart,
  // The loop's thread from the guest's first instruction on.
  kLoop,
  kVcpu,
};

inline constexpr std::array kThreadKinds = {ThreadKind::kStart, ThreadKind::kLoop,
                                            ThreadKind::kVcpu};

// "start", "loop", "vcpu".
absl::string_view ThreadKindName(ThreadKind kind);

// The rules, each once. A call without a rule that holds raises SIGSYS, which ends the monitor
// (api/fatal_signals.h).
//
// This is the one source of the filters inside the program, of their tests, and of the table in
// docs/threat-model.md. It holds for the release build: static, with glibc.
std::vector<SyscallRule> SeccompPolicy(ThreadKind kind);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_SECCOMP_POLICY_H_
