// Checked arithmetic at its edges.

#include "base/checked_math.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(CheckedMathTest, AddAndMultiplyDetectOverflow) {
  EXPECT_EQ(CheckedAdd<uint64_t>(UINT64_MAX - 1, 1), UINT64_MAX);
  EXPECT_EQ(CheckedAdd<uint64_t>(UINT64_MAX, 1), std::nullopt);
  EXPECT_EQ(CheckedMultiply<uint32_t>(0x10000, 0xffff), 0xffff0000u);
  EXPECT_EQ(CheckedMultiply<uint32_t>(0x10000, 0x10000), std::nullopt);
}

TEST(CheckedMathTest, AlignsToPowersOfTwo) {
  EXPECT_EQ(AlignDown<uint64_t>(0x1fff, 0x1000), 0x1000u);
  EXPECT_EQ(AlignUp<uint64_t>(0x1001, 0x1000), 0x2000u);
  EXPECT_EQ(AlignUp<uint64_t>(0x1000, 0x1000), 0x1000u);
  EXPECT_EQ(AlignUp<uint64_t>(UINT64_MAX, 0x1000), std::nullopt);
}

}  // namespace
}  // namespace mayfly
