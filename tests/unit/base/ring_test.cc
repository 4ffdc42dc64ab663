// Ring: set-up with and without the optional flags, and refusal.

#include "base/ring.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(RingTest, BestSetUpIsAtLeastTheMinimalOne) {
  const auto best = Ring::Create(64, Ring::Setup::kBest);
  ASSERT_TRUE(best.ok()) << best.status();
  EXPECT_THAT(best->setup_description(), testing::StartsWith("64 entries, "));
  const auto minimal = Ring::Create(64, Ring::Setup::kMinimal);
  ASSERT_TRUE(minimal.ok()) << minimal.status();
  EXPECT_EQ(minimal->setup_description(), "64 entries, no flags");
}

TEST(RingTest, GivesOutAsManyEntriesAsItHas) {
  auto ring = Ring::Create(8, Ring::Setup::kBest);
  ASSERT_TRUE(ring.ok()) << ring.status();
  for (int i = 0; i < 8; ++i) {
    EXPECT_NE(ring->TakeEntry(), nullptr);
  }
  EXPECT_EQ(ring->TakeEntry(), nullptr);
}

TEST(RingTest, AWaitWithATimeoutEndsWithoutACompletion) {
  auto ring = Ring::Create(8, Ring::Setup::kBest);
  ASSERT_TRUE(ring.ok()) << ring.status();
  EXPECT_TRUE(ring->SubmitAndWait(1'000).ok());
  int count = 0;
  ring->TakeCompletions([&](uint64_t, int32_t) { ++count; });
  EXPECT_EQ(count, 0);
}

TEST(RingTest, RefusesNoEntries) { EXPECT_FALSE(Ring::Create(0, Ring::Setup::kBest).ok()); }

}  // namespace
}  // namespace mayfly
