// SyscallRule: one line of a filter's list: a system call, what its arguments must be, and why.

#ifndef MAYFLY_JAILER_SYSCALL_RULE_H_
#define MAYFLY_JAILER_SYSCALL_RULE_H_

#include <cstdint>
#include <vector>

namespace mayfly {

// Numbers have no sign.
enum class CheckOperator {
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
};

// (argument & mask) is equal to `value`, less than it, and so on. The kernel takes an int argument
// from the lower half of the register only: mask the rest then. For other operators than kEqual the
// mask is kIntMask or UINT64_MAX.
struct ArgumentCheck {
  unsigned index = 0;  // 0 to 5
  CheckOperator op = CheckOperator::kEqual;
  uint64_t mask = 0;
  uint64_t value = 0;
  // For the table in docs/threat-model.md: "FUTEX_WAIT", "no PROT_EXEC".
  const char* text = "";
};

inline bool operator==(const ArgumentCheck& left, const ArgumentCheck& right) {
  return left.index == right.index && left.op == right.op && left.mask == right.mask &&
         left.value == right.value;
}

// A plain value. The call is allowed when all checks hold.
struct SyscallRule {
  int number = 0;  // SYS_*
  // Not allowed but answered with this error, for a caller that then does without; 0 for none.
  int refusal_errno = 0;
  std::vector<ArgumentCheck> checks;
  // Which group allows it, and why: for the table.
  const char* group = "";
  const char* reason = "";
};

inline constexpr uint64_t kIntMask = UINT32_MAX;

// An int argument, or an ioctl's number, that is exactly `value`.
inline ArgumentCheck IntIs(unsigned index, uint64_t value, const char* text) {
  return {.index = index, .mask = kIntMask, .value = value & kIntMask, .text = text};
}

// None of `bits` is set.
inline ArgumentCheck BitsClear(unsigned index, uint64_t bits, const char* text) {
  return {.index = index, .mask = bits, .value = 0, .text = text};
}

}  // namespace mayfly

#endif  // MAYFLY_JAILER_SYSCALL_RULE_H_
