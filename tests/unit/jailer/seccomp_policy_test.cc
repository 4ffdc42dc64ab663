// Every allowed case and its neighbours, for each kind of thread, against the filters in the
// program.

#include "jailer/seccomp_policy.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <set>

#include "jailer/kvm_ioctls.h"
#include "jailer/seccomp_filter.h"
#include "tests/fakes/bpf_evaluator.h"
#include "vmm/kvm_list_buffer.h"

namespace mayfly {
namespace {

// Both layers count the sizes that C++ gets wrong for themselves, as neither may use the other.
static_assert(kKvmGetMsrIndexListNumber == kKvmGetMsrIndexList);
static_assert(kKvmGetSupportedCpuidNumber == kKvmGetSupportedCpuid);
static_assert(kKvmGetMsrsNumber == kKvmGetMsrs);
static_assert(kKvmSetMsrsNumber == kKvmSetMsrs);
static_assert(kKvmSetCpuid2Number == kKvmSetCpuid2);
static_assert(kKvmGetCpuid2Number == kKvmGetCpuid2);
static_assert(kKvmGetXsaveNumber == kKvmGetXsave);
static_assert(kKvmSetXsaveNumber == kKvmSetXsave);
static_assert(kKvmGetXsave2Number == kKvmGetXsave2);

using Arguments = std::array<uint64_t, 6>;

constexpr int kNumberEnd = 600;
// Neither a number of an ioctl nor a futex operation, a signal or a flag of anything.
constexpr uint64_t kNonsense = 0x7bac0000;

class SeccompPolicyTest : public testing::TestWithParam<ThreadKind> {
 protected:
  uint32_t Answer(int number, const Arguments& arguments) const {
    return EvaluateFilter(BuiltInFilter(GetParam()), number, arguments);
  }

  const std::vector<SyscallRule> rules_ = SeccompPolicy(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Kinds, SeccompPolicyTest, testing::ValuesIn(kThreadKinds),
                         [](const auto& kind) { return std::string(ThreadKindName(kind.param)); });

// Arguments for which the rule holds; bits that it does not look at are those of `rest`.
Arguments Matching(const SyscallRule& rule, uint64_t rest) {
  Arguments arguments;
  arguments.fill(rest);
  for (const ArgumentCheck& check : rule.checks) {
    arguments[check.index] = (rest & ~check.mask) | check.value;
  }
  return arguments;
}

bool Holds(const SyscallRule& rule, const Arguments& arguments) {
  return std::all_of(rule.checks.begin(), rule.checks.end(), [&](const ArgumentCheck& check) {
    return (arguments[check.index] & check.mask) == check.value;
  });
}

uint32_t Expected(const std::vector<SyscallRule>& rules, int number, const Arguments& arguments) {
  for (const SyscallRule& rule : rules) {
    if (rule.number == number && Holds(rule, arguments)) {
      return rule.refusal_errno == 0
                 ? SECCOMP_RET_ALLOW
                 : SECCOMP_RET_ERRNO | static_cast<uint32_t>(rule.refusal_errno);
    }
  }
  return SECCOMP_RET_TRAP;
}

TEST_P(SeccompPolicyTest, EachRuleHoldsWhateverElseIsInTheRegisters) {
  for (const SyscallRule& rule : rules_) {
    for (const uint64_t rest : {uint64_t{0}, ~uint64_t{0}, kNonsense << 32}) {
      EXPECT_EQ(Answer(rule.number, Matching(rule, rest)),
                rule.refusal_errno == 0
                    ? SECCOMP_RET_ALLOW
                    : SECCOMP_RET_ERRNO | static_cast<uint32_t>(rule.refusal_errno))
          << rule.number << " " << rule.group << ", " << rule.reason;
    }
  }
}

// One bit beside an allowed argument is another case: allowed only where another rule says so.
TEST_P(SeccompPolicyTest, EachBitOfACheckedArgumentCounts) {
  for (const SyscallRule& rule : rules_) {
    for (const ArgumentCheck& check : rule.checks) {
      for (unsigned bit = 0; bit < 64; ++bit) {
        Arguments arguments = Matching(rule, 0);
        arguments[check.index] ^= uint64_t{1} << bit;
        EXPECT_EQ(Answer(rule.number, arguments), Expected(rules_, rule.number, arguments))
            << rule.number << " argument " << check.index << " bit " << bit;
      }
    }
  }
}

TEST_P(SeccompPolicyTest, EveryOtherCallIsTrapped) {
  std::set<int> unconditional;
  for (const SyscallRule& rule : rules_) {
    if (rule.checks.empty()) {
      unconditional.insert(rule.number);
    }
  }
  const Arguments nonsense = {kNonsense, kNonsense, kNonsense | PROT_EXEC, kNonsense, 1, 1};
  int trapped_count = 0;
  for (int number = 0; number < kNumberEnd; ++number) {
    if (unconditional.count(number) > 0) {
      continue;
    }
    ++trapped_count;
    EXPECT_EQ(Answer(number, nonsense), SECCOMP_RET_TRAP) << number;
  }
  EXPECT_GT(trapped_count, 400);
}

TEST_P(SeccompPolicyTest, OtherArchitecturesEndTheProcess) {
  constexpr int kX32Bit = 0x40000000;
  EXPECT_EQ(Answer(kX32Bit | SYS_write, {}), SECCOMP_RET_KILL_PROCESS);
  const seccomp_data i386 = {.nr = 4, .arch = AUDIT_ARCH_I386};
  EXPECT_EQ(BpfEvaluator(BuiltInFilter(GetParam())).Run(i386), SECCOMP_RET_KILL_PROCESS);
}

TEST_P(SeccompPolicyTest, WhatNoThreadMayDo) {
  for (const int number : {SYS_execve,
                           SYS_execveat,
                           SYS_fork,
                           SYS_vfork,
                           SYS_ptrace,
                           SYS_process_vm_readv,
                           SYS_process_vm_writev,
                           SYS_kill,
                           SYS_tkill,
                           SYS_mount,
                           SYS_umount2,
                           SYS_pivot_root,
                           SYS_chroot,
                           SYS_setns,
                           SYS_unshare,
                           SYS_setuid,
                           SYS_setgid,
                           SYS_bpf,
                           SYS_perf_event_open,
                           SYS_keyctl,
                           SYS_add_key,
                           SYS_init_module,
                           SYS_mknodat,
                           SYS_symlinkat,
                           SYS_linkat,
                           SYS_mkdirat,
                           SYS_pidfd_open,
                           SYS_pidfd_getfd,
                           SYS_open_tree,
                           SYS_move_mount,
                           SYS_personality,
                           SYS_modify_ldt,
                           SYS_pkey_mprotect,
                           SYS_io_uring_setup}) {
    for (const SyscallRule& rule : rules_) {
      EXPECT_NE(rule.number, number);
    }
  }
  EXPECT_EQ(Answer(SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, 0, 0}),
            SECCOMP_RET_TRAP);
  EXPECT_EQ(Answer(SYS_mprotect, {0, 4096, PROT_EXEC, 0, 0, 0}), SECCOMP_RET_TRAP);
}

TEST(SeccompPolicyNarrowingTest, WhatTheGuestsThreadsMayDoTheStartMayToo) {
  const std::vector<SyscallRule> start = SeccompPolicy(ThreadKind::kStart);
  for (const ThreadKind kind : {ThreadKind::kLoop, ThreadKind::kVcpu}) {
    for (const SyscallRule& rule : SeccompPolicy(kind)) {
      EXPECT_EQ(Expected(start, rule.number, Matching(rule, 0)), SECCOMP_RET_ALLOW)
          << rule.number << " " << rule.reason;
    }
  }
}

TEST(SeccompPolicyNarrowingTest, AVcpuOpensNothing) {
  for (const SyscallRule& rule : SeccompPolicy(ThreadKind::kVcpu)) {
    EXPECT_NE(rule.number, SYS_openat);
    EXPECT_NE(rule.number, SYS_io_uring_enter);
    EXPECT_NE(rule.number, SYS_sendto);
    EXPECT_NE(rule.number, SYS_clone);
  }
}

TEST(SeccompPolicyNarrowingTest, EachRuleHasAReason) {
  for (const ThreadKind kind : kThreadKinds) {
    for (const SyscallRule& rule : SeccompPolicy(kind)) {
      EXPECT_STRNE(rule.reason, "") << rule.number;
      EXPECT_STRNE(rule.group, "") << rule.number;
    }
  }
}

}  // namespace
}  // namespace mayfly
