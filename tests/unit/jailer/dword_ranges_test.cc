// DwordRanges: ranges hold for the right numbers, and none of them overlap.

#include "jailer/dword_ranges.h"

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

constexpr uint32_t kNumbers[] = {0,          1,          2,          3,          4,
                                 5,          0x7f,       0x80,       0xff00,     0x10000,
                                 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff};

int Count(CheckOperator op, uint32_t value, uint32_t number) {
  int count = 0;
  for (const MaskedValue& range : DwordRanges(op, value)) {
    count += (number & range.mask) == range.value ? 1 : 0;
  }
  return count;
}

TEST(DwordRangesTest, HoldOnceForEachNumberTheyAreFor) {
  for (const uint32_t value : kNumbers) {
    for (const uint32_t number : kNumbers) {
      SCOPED_TRACE(testing::Message() << number << " to " << value);
      EXPECT_EQ(Count(CheckOperator::kEqual, value, number), number == value);
      EXPECT_EQ(Count(CheckOperator::kNotEqual, value, number), number != value);
      EXPECT_EQ(Count(CheckOperator::kLess, value, number), number < value);
      EXPECT_EQ(Count(CheckOperator::kLessOrEqual, value, number), number <= value);
      EXPECT_EQ(Count(CheckOperator::kGreater, value, number), number > value);
      EXPECT_EQ(Count(CheckOperator::kGreaterOrEqual, value, number), number >= value);
    }
  }
}

TEST(DwordRangesTest, AreFew) {
  EXPECT_EQ(DwordRanges(CheckOperator::kNotEqual, 0x1234'5678).size(), 32u);
  EXPECT_EQ(DwordRanges(CheckOperator::kGreaterOrEqual, 0).size(), 33u);
  EXPECT_EQ(DwordRanges(CheckOperator::kLess, 0x1000).size(), 1u);
  EXPECT_TRUE(DwordRanges(CheckOperator::kLess, 0).empty());
  EXPECT_TRUE(DwordRanges(CheckOperator::kGreater, UINT32_MAX).empty());
}

}  // namespace
}  // namespace mayfly
