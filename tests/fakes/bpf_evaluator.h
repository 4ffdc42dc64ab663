// EvaluateFilter: what the kernel would answer if a filter were asked about a system call.

#ifndef MAYFLY_TESTS_FAKES_BPF_EVALUATOR_H_
#define MAYFLY_TESTS_FAKES_BPF_EVALUATOR_H_

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "gtest/gtest.h"

namespace mayfly {

// The classic BPF that seccomp takes (Documentation/networking/filter.rst, seccomp_check_filter in
// the kernel). Fails the test on an instruction it does not know and at a program's end without a
// return, and then answers "kill".
class BpfEvaluator {
 public:
  explicit BpfEvaluator(std::span<const sock_filter> program) : program_(program) {}

  uint32_t Run(const seccomp_data& data) {
    for (size_t at = 0; at < program_.size(); ++at) {
      const sock_filter& step = program_[at];
      switch (step.code) {
        case BPF_LD | BPF_W | BPF_ABS:
          Load(data, step.k);
          break;
        case BPF_ALU | BPF_AND | BPF_K:
          accumulator_ &= step.k;
          break;
        case BPF_JMP | BPF_JA:
          at += step.k;
          break;
        case BPF_JMP | BPF_JEQ | BPF_K:
          at += accumulator_ == step.k ? step.jt : step.jf;
          break;
        case BPF_JMP | BPF_JGT | BPF_K:
          at += accumulator_ > step.k ? step.jt : step.jf;
          break;
        case BPF_JMP | BPF_JGE | BPF_K:
          at += accumulator_ >= step.k ? step.jt : step.jf;
          break;
        case BPF_JMP | BPF_JSET | BPF_K:
          at += (accumulator_ & step.k) != 0 ? step.jt : step.jf;
          break;
        case BPF_RET | BPF_K:
          return step.k;
        default:
          ADD_FAILURE() << "instruction " << at << " has code " << step.code;
          return SECCOMP_RET_KILL_PROCESS;
      }
    }
    ADD_FAILURE() << "the program ends without a return";
    return SECCOMP_RET_KILL_PROCESS;
  }

 private:
  void Load(const seccomp_data& data, uint32_t offset) {
    ASSERT_EQ(offset % sizeof(accumulator_), 0u);
    ASSERT_LE(offset + sizeof(accumulator_), sizeof(data));
    std::array<uint8_t, sizeof(data)> bytes;
    std::memcpy(bytes.data(), &data, bytes.size());
    std::memcpy(&accumulator_, &bytes[offset], sizeof(accumulator_));
  }

  const std::span<const sock_filter> program_;
  uint32_t accumulator_ = 0;
};

// A call of x86-64.
inline uint32_t EvaluateFilter(std::span<const sock_filter> program, int number,
                               const std::array<uint64_t, 6>& arguments) {
  seccomp_data data = {.nr = number, .arch = AUDIT_ARCH_X86_64};
  for (size_t i = 0; i < arguments.size(); ++i) {
    data.args[i] = arguments[i];
  }
  return BpfEvaluator(program).Run(data);
}

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_BPF_EVALUATOR_H_
