// MAYFLY_CHECK ends the process with the condition's text.

#include "base/check.h"

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(CheckDeathTest, AbortsWithTheCondition) {
  const int one = 1;
  MAYFLY_CHECK(one == 1);
  EXPECT_DEATH(MAYFLY_CHECK(one == 2), "check_test.cc:[0-9]+: check failed: one == 2");
}

}  // namespace
}  // namespace mayfly
