// Timer: order, cancelling, and timers that change timers.

#include "base/timer.h"

#include <memory>
#include <random>
#include <vector>

#include "base/clock.h"
#include "gtest/gtest.h"
#include "tests/unit/base/loop_fixture.h"

namespace mayfly {
namespace {

class TimerTest : public LoopTest {};

INSTANTIATE_TEST_SUITE_P(Setups, TimerTest,
                         testing::Values(Ring::Setup::kBest, Ring::Setup::kMinimal), SetupName);

TEST_P(TimerTest, RunsOnceAtOrAfterItsDeadline) {
  int count = 0;
  int64_t ran_at_us = 0;
  Timer timer(loop.get(), [&] {
    ++count;
    ran_at_us = MonotonicTimeUs();
  });
  EXPECT_FALSE(timer.is_set());
  const int64_t deadline_us = MonotonicTimeUs() + 3'000;
  timer.Set(deadline_us);
  EXPECT_TRUE(timer.is_set());
  RunFor(20'000);
  EXPECT_EQ(count, 1);
  EXPECT_GE(ran_at_us, deadline_us);
  EXPECT_FALSE(timer.is_set());
}

TEST_P(TimerTest, RunInOrderOfDeadlineThenOfSetting) {
  std::vector<int> order;
  std::vector<std::unique_ptr<Timer>> timers;
  for (int i = 0; i < 5; ++i) {
    timers.push_back(std::make_unique<Timer>(loop.get(), [&order, i] { order.push_back(i); }));
  }
  const int64_t base_us = MonotonicTimeUs() + 2'000;
  timers[3]->Set(base_us + 200);
  timers[0]->Set(base_us + 100);
  timers[4]->Set(base_us);
  timers[1]->Set(base_us + 100);
  timers[2]->Set(base_us + 100);
  RunUntil([&] { return order.size() == 5; });
  EXPECT_EQ(order, (std::vector<int>{4, 0, 1, 2, 3}));
}

TEST_P(TimerTest, ACancelledOrDestroyedTimerDoesNotRun) {
  Timer cancelled(loop.get(), [] { ADD_FAILURE(); });
  auto destroyed = std::make_unique<Timer>(loop.get(), [] { ADD_FAILURE(); });
  // Due already, and earlier than the two: runs in the same turn.
  Timer first(loop.get(), [&] {
    cancelled.Cancel();
    destroyed.reset();
  });
  first.Set(1);
  cancelled.Set(2);
  destroyed->Set(3);
  RunFor(1'000);
  EXPECT_FALSE(cancelled.is_set());
}

TEST_P(TimerTest, SetReplacesTheDeadline) {
  int count = 0;
  Timer timer(loop.get(), [&] { ++count; });
  timer.Set(MonotonicTimeUs() + 3'600'000'000);
  timer.Set(MonotonicTimeUs() + 100);
  RunUntil([&] { return count == 1; });
  RunFor(1'000);
  EXPECT_EQ(count, 1);
}

TEST_P(TimerTest, MaySetItselfAgainAndDestroyItself) {
  int count = 0;
  const std::string big_capture(100, 'x');
  auto timer = std::unique_ptr<Timer>();
  timer = std::make_unique<Timer>(loop.get(), [&, big_capture] {
    if (++count < 3) {
      timer->Set(0);
      return;
    }
    timer.reset();
    EXPECT_EQ(big_capture.size(), 100u);
  });
  timer->Set(0);
  RunUntil([&] { return timer == nullptr; });
  EXPECT_EQ(count, 3);
}

TEST_P(TimerTest, ManyTimersSetAndCancelledAtRandomRunInOrder) {
  std::mt19937 random(1);
  std::vector<int64_t> ran;
  const int64_t base_us = MonotonicTimeUs();
  struct Slot {
    std::unique_ptr<Timer> timer;
    int64_t deadline_us = 0;
  };
  std::vector<Slot> slots(200);
  for (Slot& slot : slots) {
    slot.timer = std::make_unique<Timer>(loop.get(), [&] { ran.push_back(slot.deadline_us); });
  }
  for (int i = 0; i < 2'000; ++i) {
    Slot& slot = slots[random() % slots.size()];
    if (random() % 3 == 0) {
      slot.timer->Cancel();
    } else {
      slot.deadline_us = base_us + static_cast<int64_t>(random() % 5'000);
      slot.timer->Set(slot.deadline_us);
    }
  }
  size_t set_count = 0;
  for (const Slot& slot : slots) {
    set_count += slot.timer->is_set() ? 1u : 0u;
  }
  ASSERT_GT(set_count, 50u);
  RunFor(20'000);
  EXPECT_EQ(ran.size(), set_count);
  EXPECT_TRUE(std::is_sorted(ran.begin(), ran.end()));
}

TEST_P(TimerTest, OutlivesTheLoop) {
  Timer timer(loop.get(), [] { ADD_FAILURE(); });
  timer.Set(0);
  loop.reset();
  EXPECT_FALSE(timer.is_set());
  timer.Set(0);
  EXPECT_FALSE(timer.is_set());
}

}  // namespace
}  // namespace mayfly
