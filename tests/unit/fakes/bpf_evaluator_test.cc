// BpfEvaluator: each instruction that it knows, and failures for all others.

#include "tests/fakes/bpf_evaluator.h"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

constexpr sock_filter Load(uint32_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset); }
constexpr sock_filter Return(uint32_t value) { return BPF_STMT(BPF_RET | BPF_K, value); }
constexpr uint32_t kFirstArgument = offsetof(seccomp_data, args);

// What `jump` comes to when the first argument's lower half is `argument`: 1 when it is taken.
uint32_t Answer(uint16_t jump, uint32_t constant, uint32_t argument) {
  const sock_filter program[] = {
      Load(kFirstArgument), BPF_JUMP(BPF_JMP | jump | BPF_K, constant, 1, 0), Return(0), Return(1)};
  return EvaluateFilter(program, 0, {argument});
}

TEST(BpfEvaluatorTest, LoadsEachField) {
  const seccomp_data data = {.nr = 7,
                             .arch = AUDIT_ARCH_X86_64,
                             .instruction_pointer = 0x5'0000'0006,
                             .args = {0x1'0000'0002, 0, 0, 0, 0, 0x3'0000'0004}};
  const auto is_at = [&](uint32_t offset, uint32_t value) {
    const sock_filter program[] = {Load(offset), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
                                   Return(1), Return(0)};
    return BpfEvaluator(program).Run(data) == 1;
  };
  EXPECT_TRUE(is_at(0, 7));
  EXPECT_TRUE(is_at(4, AUDIT_ARCH_X86_64));
  EXPECT_TRUE(is_at(8, 6));
  EXPECT_TRUE(is_at(12, 5));
  EXPECT_TRUE(is_at(16, 2));
  EXPECT_TRUE(is_at(20, 1));
  EXPECT_TRUE(is_at(56, 4));
  EXPECT_TRUE(is_at(60, 3));
  EXPECT_FALSE(is_at(60, 4));
}

TEST(BpfEvaluatorTest, ComparesWithoutSigns) {
  EXPECT_EQ(Answer(BPF_JEQ, 5, 5), 1u);
  EXPECT_EQ(Answer(BPF_JEQ, 5, 6), 0u);
  EXPECT_EQ(Answer(BPF_JGT, 5, 6), 1u);
  EXPECT_EQ(Answer(BPF_JGT, 5, 5), 0u);
  EXPECT_EQ(Answer(BPF_JGT, 5, UINT32_MAX), 1u);
  EXPECT_EQ(Answer(BPF_JGE, 5, 5), 1u);
  EXPECT_EQ(Answer(BPF_JGE, 5, 4), 0u);
  EXPECT_EQ(Answer(BPF_JSET, 6, 2), 1u);
  EXPECT_EQ(Answer(BPF_JSET, 6, 9), 0u);
}

TEST(BpfEvaluatorTest, MasksAndJumps) {
  const sock_filter program[] = {Load(kFirstArgument),
                                 BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0),
                                 BPF_STMT(BPF_JMP | BPF_JA, 1),
                                 Return(0),
                                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x30, 0, 1),
                                 Return(1),
                                 Return(2)};
  EXPECT_EQ(EvaluateFilter(program, 0, {0x135}), 1u);
  EXPECT_EQ(EvaluateFilter(program, 0, {0x145}), 2u);
}

// EXPECT_NONFATAL_FAILURE takes no local variables.
uint32_t Answer(std::initializer_list<sock_filter> program) {
  return EvaluateFilter(std::vector<sock_filter>(program), 0, {});
}

TEST(BpfEvaluatorTest, FailsAtAnEndWithoutReturn) {
  EXPECT_NONFATAL_FAILURE(Answer({}), "without a return");
  EXPECT_NONFATAL_FAILURE(Answer({Load(0)}), "without a return");
  EXPECT_NONFATAL_FAILURE(Answer({BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX)}), "without a return");
}

TEST(BpfEvaluatorTest, FailsOnLoadsThatSeccompDoesNotKnow) {
  EXPECT_FATAL_FAILURE(Answer({Load(2), Return(0)}), "offset");
  EXPECT_FATAL_FAILURE(Answer({Load(64), Return(0)}), "offset");
  EXPECT_FATAL_FAILURE(Answer({Load(UINT32_MAX - 3), Return(0)}), "offset");
}

TEST(BpfEvaluatorTest, FailsOnUnknownInstructions) {
  for (const uint16_t code : std::initializer_list<uint16_t>{BPF_LD | BPF_H | BPF_ABS,
                                                             BPF_RET | BPF_A, BPF_ALU | BPF_OR}) {
    static uint16_t unknown = 0;
    static uint32_t answer = 0;
    unknown = code;
    EXPECT_NONFATAL_FAILURE(answer = Answer({{unknown, 0, 0, 0}, Return(1)}), "has code");
    EXPECT_EQ(answer, SECCOMP_RET_KILL_PROCESS);
  }
}

}  // namespace
}  // namespace mayfly
