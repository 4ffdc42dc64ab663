// Which groups each kind of thread has.

#include "jailer/seccomp_policy.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "jailer/seccomp_groups.h"

namespace mayfly {
namespace {

bool IsCovered(const SyscallRules& rules, const SyscallRule& rule) {
  return std::any_of(rules.begin(), rules.end(), [&](const SyscallRule& other) {
    return other.number == rule.number && (other.checks.empty() || other.checks == rule.checks);
  });
}

// Rules without checks first, as they make those with checks needless.
SyscallRules Join(std::initializer_list<SyscallRules> groups) {
  SyscallRules joined;
  for (const bool has_checks : {false, true}) {
    for (const SyscallRules& group : groups) {
      for (const SyscallRule& rule : group) {
        if (rule.checks.empty() != has_checks && !IsCovered(joined, rule)) {
          joined.push_back(rule);
        }
      }
    }
  }
  return joined;
}

SyscallRules VcpuPolicy() {
  return Join({AllowKvmRun(), AllowThreadLife(), AllowMemory(), AllowLocks(), AllowLog(),
               AllowRegisterDump(), AllowLastWords()});
}

SyscallRules LoopPolicy() {
  return Join({AllowRing(), AllowConnections(), AllowThreadLife(), AllowMemory(), AllowLocks(),
               AllowLog(), AllowLastWords(), AllowSignals(), AllowVcpuControl(), AllowFiles(),
               AllowTerminal(), AllowDisks(), AllowNetwork(), AllowRandom(), AllowSnapshotSave()});
}

SyscallRules StartPolicy() {
  return Join({VcpuPolicy(), LoopPolicy(), AllowGuestMemoryAdvice(), AllowThreadStart(),
               AllowConfinement(), AllowApiSocket(), AllowVmCreation(), AllowVcpuCreation(),
               AllowGuestMemoryCreation(), AllowDeviceCreation(), AllowUserfault(), AllowLimits()});
}

}  // namespace

absl::string_view ThreadKindName(ThreadKind kind) {
  switch (kind) {
    case ThreadKind::kStart:
      return "start";
    case ThreadKind::kLoop:
      return "loop";
    case ThreadKind::kVcpu:
      return "vcpu";
  }
  return "";
}

std::vector<SyscallRule> SeccompPolicy(ThreadKind kind) {
  switch (kind) {
    case ThreadKind::kStart:
      return StartPolicy();
    case ThreadKind::kLoop:
      return LoopPolicy();
    case ThreadKind::kVcpu:
      return VcpuPolicy();
  }
  return {};
}

}  // namespace mayfly
