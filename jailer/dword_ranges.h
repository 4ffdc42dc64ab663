// DwordRanges: a comparison of the lower half of a register, in the form that libseccomp knows.

#ifndef MAYFLY_JAILER_DWORD_RANGES_H_
#define MAYFLY_JAILER_DWORD_RANGES_H_

#include <cstdint>
#include <vector>

#include "jailer/syscall_rule.h"

namespace mayfly {

// (argument & mask) == value.
struct MaskedValue {
  uint32_t mask = 0;
  uint32_t value = 0;
};

// libseccomp compares whole registers, of which programs may leave anything in the upper half; only
// for equality it takes a mask. The numbers that "op value" holds for are those that one of these
// holds for: ranges whose size and start are powers of two, at most 33, none for what never holds.
std::vector<MaskedValue> DwordRanges(CheckOperator op, uint32_t value);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_DWORD_RANGES_H_
