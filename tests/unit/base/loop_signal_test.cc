// LoopSignal: coalescing, visibility across threads, signal handlers, destruction.

#include "base/loop_signal.h"

#include <signal.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/base/loop_fixture.h"

namespace mayfly {
namespace {

class LoopSignalTest : public LoopTest {};

INSTANTIATE_TEST_SUITE_P(Setups, LoopSignalTest,
                         testing::Values(Ring::Setup::kBest, Ring::Setup::kMinimal), SetupName);

TEST_P(LoopSignalTest, ManyRaisesRunTheCallbackOnce) {
  int count = 0;
  LoopSignal signal(loop.get(), [&] { ++count; });
  for (int i = 0; i < 100; ++i) {
    signal.Raise();
  }
  EXPECT_EQ(count, 0);
  RunFor(1'000);
  EXPECT_EQ(count, 1);
}

TEST_P(LoopSignalTest, RunInTheOrderOfTheFirstRaise) {
  std::vector<int> order;
  LoopSignal a(loop.get(), [&] { order.push_back(1); });
  LoopSignal b(loop.get(), [&] { order.push_back(2); });
  LoopSignal c(loop.get(), [&] { order.push_back(3); });
  b.Raise();
  c.Raise();
  a.Raise();
  b.Raise();
  RunFor(1'000);
  EXPECT_EQ(order, (std::vector<int>{2, 3, 1}));
}

TEST_P(LoopSignalTest, ARaiseInTheCallbackRunsItAgain) {
  int count = 0;
  LoopSignal signal(loop.get(), [&] {
    if (++count < 5) {
      signal.Raise();
    }
  });
  signal.Raise();
  RunUntil([&] { return count == 5; });
}

// Each thread counts up its own variable and raises; the callback must see every final value.
TEST_P(LoopSignalTest, NothingRaisedByFourThreadsIsLost) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 20'000;
  std::array<std::atomic<int>, kThreads> written{};
  std::array<int, kThreads> seen{};
  std::vector<std::unique_ptr<LoopSignal>> signals;
  for (size_t i = 0; i < kThreads; ++i) {
    signals.push_back(std::make_unique<LoopSignal>(
        loop.get(), [&, i] { seen[i] = written[i].load(std::memory_order_relaxed); }));
  }
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 1; round <= kRounds; ++round) {
        written[i].store(round, std::memory_order_relaxed);
        signals[i]->Raise();
        if (round % 100 == 0) {
          std::this_thread::yield();
        }
      }
    });
  }
  RunUntil([&] { return seen == std::array<int, kThreads>{kRounds, kRounds, kRounds, kRounds}; });
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST_P(LoopSignalTest, WakesASleepingLoop) {
  LoopSignal signal(loop.get(), [&] { loop->Stop(); });
  for (int i = 0; i < 50; ++i) {
    std::thread thread([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(300));
      signal.Raise();
    });
    ASSERT_TRUE(loop->Run().ok());
    thread.join();
  }
}

LoopSignal* handler_signal = nullptr;

TEST_P(LoopSignalTest, MayBeRaisedInASignalHandler) {
  LoopSignal signal(loop.get(), [&] { loop->Stop(); });
  handler_signal = &signal;
  struct sigaction action = {};
  action.sa_handler = [](int) { handler_signal->Raise(); };
  struct sigaction old_action = {};
  ASSERT_EQ(sigaction(SIGUSR1, &action, &old_action), 0);
  const pthread_t loop_thread = pthread_self();
  std::thread thread([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    pthread_kill(loop_thread, SIGUSR1);
  });
  EXPECT_TRUE(loop->Run().ok());
  thread.join();
  ASSERT_EQ(sigaction(SIGUSR1, &old_action, nullptr), 0);
}

TEST_P(LoopSignalTest, DestroyedWhileRaisedDoesNotRun) {
  int count = 0;
  auto destroyed = std::make_unique<LoopSignal>(loop.get(), [] { ADD_FAILURE(); });
  LoopSignal other(loop.get(), [&] { ++count; });
  destroyed->Raise();
  other.Raise();
  destroyed.reset();
  RunFor(1'000);
  EXPECT_EQ(count, 1);
}

TEST_P(LoopSignalTest, MayBeDestroyedByACallback) {
  std::unique_ptr<LoopSignal> second;
  std::unique_ptr<LoopSignal> first;
  int count = 0;
  const std::string big_capture(100, 'x');
  first = std::make_unique<LoopSignal>(loop.get(), [&, big_capture] {
    second.reset();
    first.reset();
    count += static_cast<int>(big_capture.size());
  });
  second = std::make_unique<LoopSignal>(loop.get(), [] { ADD_FAILURE(); });
  first->Raise();
  second->Raise();
  RunFor(1'000);
  EXPECT_EQ(count, 100);
}

TEST_P(LoopSignalTest, OutlivesTheLoop) {
  LoopSignal raised(loop.get(), [] { ADD_FAILURE(); });
  LoopSignal quiet(loop.get(), [] { ADD_FAILURE(); });
  raised.Raise();
  loop.reset();
  quiet.Raise();
}

}  // namespace
}  // namespace mayfly
