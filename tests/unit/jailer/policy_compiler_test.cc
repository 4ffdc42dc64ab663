// CompilePolicy: what the programs answer, by the evaluator.

#include "jailer/policy_compiler.h"

#include <linux/audit.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "tests/fakes/bpf_evaluator.h"

namespace mayfly {
namespace {

using Program = std::vector<sock_filter>;

constexpr std::array kOperators = {CheckOperator::kEqual,   CheckOperator::kNotEqual,
                                   CheckOperator::kLess,    CheckOperator::kLessOrEqual,
                                   CheckOperator::kGreater, CheckOperator::kGreaterOrEqual};

bool Holds(CheckOperator op, uint64_t argument, uint64_t value) {
  switch (op) {
    case CheckOperator::kEqual:
      return argument == value;
    case CheckOperator::kNotEqual:
      return argument != value;
    case CheckOperator::kLess:
      return argument < value;
    case CheckOperator::kLessOrEqual:
      return argument <= value;
    case CheckOperator::kGreater:
      return argument > value;
    case CheckOperator::kGreaterOrEqual:
      return argument >= value;
  }
  return false;
}

Program Compile(const std::vector<SyscallRule>& rules, const CompilerOptions& options = {}) {
  auto program = CompilePolicy(rules, options);
  EXPECT_TRUE(program.ok()) << program.status();
  return program.ok() ? *std::move(program) : Program{{BPF_RET | BPF_K, 0, 0, 0}};
}

bool Allows(const Program& program, int number, const std::array<uint64_t, 6>& arguments = {}) {
  const uint32_t answer = EvaluateFilter(program, number, arguments);
  EXPECT_TRUE(answer == SECCOMP_RET_ALLOW || answer == SECCOMP_RET_TRAP) << answer;
  return answer == SECCOMP_RET_ALLOW;
}

uint32_t AnswerOf(FilterActionOptions action) {
  return EvaluateFilter(Compile({{.number = SYS_read}}, {.on_match = action}), SYS_read, {});
}

TEST(PolicyCompilerTest, AllowsTheCallsOfTheRulesOnly) {
  const Program program = Compile({{.number = SYS_read}, {.number = SYS_write}});
  EXPECT_TRUE(Allows(program, SYS_read, {1, 2, 3, 4, 5, 6}));
  EXPECT_TRUE(Allows(program, SYS_write));
  EXPECT_FALSE(Allows(program, SYS_close));
  EXPECT_FALSE(Allows(program, 100'000));
}

TEST(PolicyCompilerTest, EveryActionIsTheKernels) {
  EXPECT_EQ(AnswerOf({FilterAction::kAllow, 0}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(AnswerOf({FilterAction::kKillProcess, 0}), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(AnswerOf({FilterAction::kKillThread, 0}), SECCOMP_RET_KILL_THREAD);
  EXPECT_EQ(AnswerOf({FilterAction::kLog, 0}), SECCOMP_RET_LOG);
  EXPECT_EQ(AnswerOf({FilterAction::kErrno, EPERM}), SECCOMP_RET_ERRNO | EPERM);
  EXPECT_EQ(AnswerOf({FilterAction::kTrace, 7}), SECCOMP_RET_TRACE | 7);
  const Program program = Compile({{.number = SYS_read}}, {.on_other = {FilterAction::kAllow, 0},
                                                           .on_match = {FilterAction::kTrap, 0}});
  EXPECT_EQ(EvaluateFilter(program, SYS_read, {}), SECCOMP_RET_TRAP);
  EXPECT_EQ(EvaluateFilter(program, SYS_write, {}), SECCOMP_RET_ALLOW);
}

TEST(PolicyCompilerTest, ARuleMayHaveAnErrorOfItsOwn) {
  const Program program =
      Compile({{.number = SYS_read}, {.number = SYS_clone3, .refusal_errno = ENOSYS}});
  EXPECT_EQ(EvaluateFilter(program, SYS_clone3, {}), SECCOMP_RET_ERRNO | ENOSYS);
  EXPECT_TRUE(Allows(program, SYS_read));
}

TEST(PolicyCompilerTest, NoRulesAreAProgramToo) {
  EXPECT_EQ(EvaluateFilter(Compile({}, {.on_other = {FilterAction::kAllow, 0}}), SYS_read, {}),
            SECCOMP_RET_ALLOW);
  EXPECT_EQ(EvaluateFilter(Compile({}), SYS_read, {}), SECCOMP_RET_TRAP);
}

TEST(PolicyCompilerTest, OtherArchitecturesAndAbisAreKilled) {
  const Program program = Compile({{.number = SYS_read}}, {.on_other = {FilterAction::kLog, 0}});
  seccomp_data data = {.nr = SYS_read, .arch = AUDIT_ARCH_I386};
  EXPECT_EQ(BpfEvaluator(program).Run(data), SECCOMP_RET_KILL_PROCESS);
  data.arch = AUDIT_ARCH_X86_64;
  EXPECT_EQ(BpfEvaluator(program).Run(data), SECCOMP_RET_ALLOW);
  constexpr int kX32 = 0x4000'0000;
  data.nr = SYS_read | kX32;
  EXPECT_EQ(BpfEvaluator(program).Run(data), SECCOMP_RET_KILL_PROCESS);
}

TEST(PolicyCompilerTest, ComparesQwordsWhole) {
  constexpr uint64_t kNumbers[] = {0,
                                   1,
                                   5,
                                   0x7fff'ffff,
                                   0x8000'0000,
                                   0xffff'ffff,
                                   0x1'0000'0000,
                                   0x1'0000'0005,
                                   0x5'0000'0001,
                                   0x5'0000'0005,
                                   0x8000'0000'0000'0000,
                                   UINT64_MAX - 1,
                                   UINT64_MAX};
  for (const CheckOperator op : kOperators) {
    for (const uint64_t value : kNumbers) {
      const Program program =
          Compile({{.number = SYS_read,
                    .checks = {{.index = 2, .op = op, .mask = UINT64_MAX, .value = value}}}});
      for (const uint64_t argument : kNumbers) {
        EXPECT_EQ(Allows(program, SYS_read, {9, 9, argument, 9}), Holds(op, argument, value))
            << argument << " operator " << static_cast<int>(op) << " " << value;
      }
    }
  }
}

TEST(PolicyCompilerTest, ComparesTheLowerHalfOfDwords) {
  constexpr uint32_t kNumbers[] = {
      0, 1, 2, 5, 6, 0x1000, 0x7fffffff, 0x80000000, 0xff00ff00, 0xfffffffe, 0xffffffff};
  constexpr uint64_t kUpperHalves[] = {0, 1, 0x7fff'ffff, 0xffff'ffff};
  for (const CheckOperator op : kOperators) {
    for (const uint32_t value : kNumbers) {
      const Program program =
          Compile({{.number = SYS_read,
                    .checks = {{.index = 0, .op = op, .mask = kIntMask, .value = value}}}});
      for (const uint32_t argument : kNumbers) {
        for (const uint64_t upper : kUpperHalves) {
          EXPECT_EQ(Allows(program, SYS_read, {upper << 32 | argument}), Holds(op, argument, value))
              << upper << " " << argument << " operator " << static_cast<int>(op) << " " << value;
        }
      }
    }
  }
}

TEST(PolicyCompilerTest, ChecksBits) {
  const Program program =
      Compile({{.number = SYS_mmap, .checks = {BitsClear(2, 4, ""), IntIs(3, 0x22, "")}}});
  EXPECT_TRUE(Allows(program, SYS_mmap, {0, 0, 3, 0x22}));
  EXPECT_TRUE(Allows(program, SYS_mmap, {0, 0, 0xffff'ffff'0000'0003, 0xffff'ffff'0000'0022}));
  EXPECT_FALSE(Allows(program, SYS_mmap, {0, 0, 7, 0x22}));
  EXPECT_FALSE(Allows(program, SYS_mmap, {0, 0, 3, 0x23}));
}

// Rules of one call, each with checks of two arguments: any of them suffices, whole.
TEST(PolicyCompilerTest, RulesOfOneCallAreAlternatives) {
  struct Range {
    CheckOperator first;
    uint64_t mask;
    uint64_t value;
    uint64_t second;
  };
  constexpr Range kRanges[] = {{CheckOperator::kLess, kIntMask, 10, 1},
                               {CheckOperator::kGreaterOrEqual, kIntMask, 8, 2},
                               {CheckOperator::kNotEqual, UINT64_MAX, 9, 3},
                               {CheckOperator::kEqual, UINT64_MAX, 9, 4},
                               {CheckOperator::kLessOrEqual, UINT64_MAX, 9, 5}};
  std::vector<SyscallRule> rules;
  for (const Range& range : kRanges) {
    rules.push_back(
        {.number = SYS_ioctl,
         .checks = {{.index = 1, .op = range.first, .mask = range.mask, .value = range.value},
                    IntIs(2, range.second, "")}});
  }
  const Program program = Compile(rules);
  for (const uint64_t upper : {0u, 1u}) {
    for (uint64_t first = 0; first < 20; ++first) {
      for (uint64_t second = 0; second < 8; ++second) {
        const uint64_t argument = upper << 32 | first;
        bool holds = false;
        for (const Range& range : kRanges) {
          holds |= second == range.second && Holds(range.first, argument & range.mask, range.value);
        }
        EXPECT_EQ(Allows(program, SYS_ioctl, {0, argument, second}), holds)
            << argument << " " << second;
      }
    }
  }
}

TEST(PolicyCompilerTest, ARuleWithoutChecksCoversTheOthers) {
  const SyscallRule any = {.number = SYS_ioctl};
  const SyscallRule one = {.number = SYS_ioctl, .checks = {IntIs(1, 5, "")}};
  for (const auto& rules : {std::vector{any, one}, std::vector{one, any}, std::vector{any, any}}) {
    EXPECT_TRUE(Allows(Compile(rules), SYS_ioctl, {0, 6}));
  }
}

TEST(PolicyCompilerTest, WhatNeverHoldsIsNoRule) {
  const Program program = Compile(
      {{.number = SYS_read,
        .checks = {{.index = 0, .op = CheckOperator::kLess, .mask = kIntMask, .value = 0}}}});
  EXPECT_FALSE(Allows(program, SYS_read, {0}));
  EXPECT_FALSE(Allows(program, SYS_read, {UINT64_MAX}));
}

TEST(PolicyCompilerTest, RefusesWhatLibseccompRefuses) {
  const auto same = CompilePolicy(std::vector<SyscallRule>{{.number = SYS_read}},
                                  {.on_other = {FilterAction::kAllow, 0}});
  EXPECT_TRUE(absl::StartsWith(same.status().message(), "seccomp_rule_add of read: "))
      << same.status();
  const auto twice = CompilePolicy(
      std::vector<SyscallRule>{{.number = SYS_read, .checks = {IntIs(1, 2, ""), IntIs(1, 3, "")}}},
      {});
  EXPECT_TRUE(absl::StartsWith(twice.status().message(), "seccomp_rule_add of read: "))
      << twice.status();
}

TEST(PolicyCompilerTest, RefusesProgramsThatTheKernelWouldNotTake) {
  std::vector<SyscallRule> many;
  for (uint64_t i = 0; i < BPF_MAXINSNS; ++i) {
    many.push_back({.number = SYS_ioctl, .checks = {IntIs(1, i, "")}});
  }
  EXPECT_EQ(CompilePolicy(many, {}).status().code(), absl::StatusCode::kInvalidArgument);
  // 32 to the power of 6 alternatives.
  SyscallRule wide = {.number = SYS_ioctl};
  for (unsigned i = 0; i < 6; ++i) {
    wide.checks.push_back(
        {.index = i, .op = CheckOperator::kNotEqual, .mask = kIntMask, .value = 0x5555});
  }
  EXPECT_EQ(CompilePolicy(std::vector{wide}, {}).status().message(),
            "the filter has more than 4096 instructions; the kernel takes 4096");
}

TEST(PolicyCompilerTest, KnowsTheNamesOfCalls) {
  EXPECT_EQ(SyscallName(SYS_ioctl), "ioctl");
  EXPECT_EQ(SyscallName(100'000), "?");
  EXPECT_EQ(*SyscallNumber("ioctl"), SYS_ioctl);
  EXPECT_EQ(*SyscallNumber("restart_syscall"), SYS_restart_syscall);
  for (const auto& name : {std::string("none"), std::string(""), std::string("socketcall"),
                           std::string("read\0x", 6)}) {
    EXPECT_FALSE(SyscallNumber(name).ok()) << name;
  }
}

}  // namespace
}  // namespace mayfly
