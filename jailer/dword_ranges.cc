// Numbers that differ from the value in a given bit, and in none above it, lie on one side of it.

#include "jailer/dword_ranges.h"

namespace mayfly {
namespace {

constexpr unsigned kBits = 32;

}  // namespace

std::vector<MaskedValue> DwordRanges(CheckOperator op, uint32_t value) {
  const bool has_less = op == CheckOperator::kLess || op == CheckOperator::kLessOrEqual ||
                        op == CheckOperator::kNotEqual;
  const bool has_greater = op == CheckOperator::kGreater || op == CheckOperator::kGreaterOrEqual ||
                           op == CheckOperator::kNotEqual;
  const bool has_equal = op == CheckOperator::kEqual || op == CheckOperator::kLessOrEqual ||
                         op == CheckOperator::kGreaterOrEqual;
  std::vector<MaskedValue> ranges;
  for (unsigned i = 0; i < kBits; ++i) {
    const uint32_t bit = uint32_t{1} << i;
    const uint32_t mask = ~(bit - 1);
    const bool is_less = (value & bit) != 0;
    if (is_less ? has_less : has_greater) {
      ranges.push_back({.mask = mask, .value = (value ^ bit) & mask});
    }
  }
  if (has_equal) {
    ranges.push_back({.mask = UINT32_MAX, .value = value});
  }
  return ranges;
}

}  // namespace mayfly
