// Rollback: order, and when it does nothing.

#include "jailer/rollback.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(RollbackTest, UndoesTheLastStepFirst) {
  std::vector<int> undone;
  {
    Rollback rollback;
    rollback.Add([&] { undone.push_back(1); });
    rollback.Add([&] { undone.push_back(2); });
    EXPECT_TRUE(undone.empty());
  }
  EXPECT_THAT(undone, testing::ElementsAre(2, 1));
}

TEST(RollbackTest, LeavesWhatWasDismissed) {
  int undone = 0;
  {
    Rollback rollback;
    rollback.Add([&] { ++undone; });
    rollback.Dismiss();
  }
  EXPECT_EQ(undone, 0);
}

}  // namespace
}  // namespace mayfly
