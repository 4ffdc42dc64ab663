// PolicyCompiler: from rules to a program of the kernel's classic BPF, by libseccomp.

#ifndef MAYFLY_JAILER_POLICY_COMPILER_H_
#define MAYFLY_JAILER_POLICY_COMPILER_H_

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "jailer/syscall_rule.h"

namespace mayfly {

// What a call that no rule is about, or that its rules do not cover, comes to.
enum class FilterAction { kAllow, kTrap, kKillProcess, kKillThread, kLog, kErrno, kTrace };

struct FilterActionOptions {
  FilterAction action = FilterAction::kTrap;
  // Of kErrno the error, of kTrace the message to the tracer.
  uint16_t data = 0;
};

inline bool operator==(const FilterActionOptions& left, const FilterActionOptions& right) {
  return left.action == right.action && left.data == right.data;
}

struct CompilerOptions {
  FilterActionOptions on_other = {};
  // What rules without an errno of their own come to.
  FilterActionOptions on_match = {.action = FilterAction::kAllow};
};

// x86-64 only: calls of other architectures and of the x32 ABI kill the process. A rule has at most
// one check of each argument, and comes to something else than `on_other`: libseccomp's rules. For
// programs that run while building, and the seccompiler: the monitor links no libseccomp. Errors:
// libseccomp's, naming the call; InvalidArgument for a program that the kernel would not take
// (BPF_MAXINSNS).
absl::StatusOr<std::vector<sock_filter>> CompilePolicy(std::span<const SyscallRule> rules,
                                                       const CompilerOptions& options);

// The call's name, "ioctl"; "?" for a number without one.
std::string SyscallName(int number);
// The call's number on x86-64; an error when there is none.
absl::StatusOr<int> SyscallNumber(const std::string& name);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_POLICY_COMPILER_H_
