// PollSource: found without a wake-up while the loop is awake, woken for when it sleeps.

#include "base/poll_source.h"

#include <atomic>
#include <memory>
#include <thread>

#include "base/loop_signal.h"
#include "gtest/gtest.h"
#include "tests/unit/base/loop_fixture.h"

namespace mayfly {
namespace {

// A number of things to do that any thread adds to; whoever adds the first after a RequestWakeup
// has to wake the loop, as a driver notifies a device.
class Counter : public PollSource {
 public:
  explicit Counter(EventLoop* loop) : PollSource(loop), wakeup_(loop, [] {}) {}

  using PollSource::StartPolling;
  using PollSource::StopPolling;

  void Add() {
    todo_.fetch_add(1);
    if (wants_wakeup_.exchange(false)) {
      ++wakeups;
      wakeup_.Raise();
    }
  }

  std::atomic<int> wakeups{0};
  std::atomic<int> done{0};
  Waiting waits_for = Waiting::kForWork;
  std::atomic<int> wakeup_requests{0};

 private:
  bool HasWork() override { return todo_.load() > 0; }
  void DoWork() override {
    wants_wakeup_ = false;
    done += todo_.exchange(0);
  }
  bool RequestWakeup() override {
    ++wakeup_requests;
    wants_wakeup_ = true;
    return todo_.load() == 0;
  }
  Waiting waiting() const override { return waits_for; }

  std::atomic<int> todo_{0};
  std::atomic<bool> wants_wakeup_{false};
  LoopSignal wakeup_;
};

class PollSourceTest : public LoopTest {};

INSTANTIATE_TEST_SUITE_P(Setups, PollSourceTest,
                         testing::Values(Ring::Setup::kBest, Ring::Setup::kMinimal), SetupName);

TEST_P(PollSourceTest, WorkThatIsThereIsDoneWithoutAWakeup) {
  Counter counter(loop.get());
  counter.StartPolling();
  counter.Add();
  RunUntil([&] { return counter.done == 1; });
  EXPECT_EQ(counter.wakeups, 0);
}

TEST_P(PollSourceTest, ASleepingLoopIsWokenForWorkAndLosesNone) {
  for (const auto waiting : {PollSource::Waiting::kForWork, PollSource::Waiting::kForDevice,
                             PollSource::Waiting::kForWorker}) {
    Counter counter(loop.get());
    counter.waits_for = waiting;
    counter.StartPolling();
    constexpr int kCount = 300;
    std::thread driver([&] {
      for (int i = 0; i < kCount; ++i) {
        counter.Add();
        // From much shorter than a look to much longer.
        std::this_thread::sleep_for(std::chrono::microseconds(i % 3 == 0 ? 400 : i % 7));
      }
      loop->Post([&] { loop->Stop(); });
    });
    ASSERT_TRUE(loop->Run().ok());
    driver.join();
    // What came after the last look is found before the next sleep.
    if (counter.done < kCount) {
      RunFor(1'000);
    }
    EXPECT_EQ(counter.done, kCount);
    EXPECT_GT(counter.wakeup_requests, 0);
  }
}

TEST_P(PollSourceTest, OneThatStoppedIsLeftAlone) {
  Counter counter(loop.get());
  counter.StartPolling();
  counter.StopPolling();
  counter.Add();
  RunFor(2'000);
  EXPECT_EQ(counter.done, 0);
  EXPECT_EQ(counter.wakeup_requests, 0);
}

}  // namespace
}  // namespace mayfly
