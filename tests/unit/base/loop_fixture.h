// LoopTest: a test with an event loop of the best and of the minimal set-up.

#ifndef MAYFLY_TESTS_UNIT_BASE_LOOP_FIXTURE_H_
#define MAYFLY_TESTS_UNIT_BASE_LOOP_FIXTURE_H_

#include <unistd.h>

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/event_loop.h"
#include "base/owned_fd.h"
#include "base/timer.h"
#include "gtest/gtest.h"

namespace mayfly {

struct Pipe {
  Pipe() {
    std::array<int, 2> fds{-1, -1};
    EXPECT_EQ(pipe(fds.data()), 0);
    read_end = OwnedFd(fds[0]);
    write_end = OwnedFd(fds[1]);
  }

  OwnedFd read_end;
  OwnedFd write_end;
};

class LoopTest : public testing::TestWithParam<Ring::Setup> {
 protected:
  void SetUp() override { Recreate(256); }

  void Recreate(uint32_t entry_count) {
    loop.reset();
    auto created = EventLoop::Create({.entry_count = entry_count, .setup = GetParam()});
    ASSERT_TRUE(created.ok()) << created.status();
    loop = *std::move(created);
  }

  // Runs the loop until `condition` holds, looking after each turn; fails after ten seconds.
  void RunUntil(const std::function<bool()>& condition) {
    const int64_t limit_us = MonotonicTimeUs() + 10'000'000;
    Timer poll(loop.get(), [&] {
      if (condition() || MonotonicTimeUs() > limit_us) {
        loop->Stop();
      } else {
        poll.Set(MonotonicTimeUs() + 200);
      }
    });
    poll.Set(0);
    ASSERT_TRUE(loop->Run().ok());
    ASSERT_TRUE(condition()) << "the condition did not come to hold";
  }

  // Runs the loop for a while.
  void RunFor(int64_t duration_us) {
    Timer end(loop.get(), [&] { loop->Stop(); });
    end.Set(MonotonicTimeUs() + duration_us);
    ASSERT_TRUE(loop->Run().ok());
  }

  std::unique_ptr<EventLoop> loop;
};

inline std::string SetupName(const testing::TestParamInfo<Ring::Setup>& info) {
  return info.param == Ring::Setup::kBest ? "BestSetup" : "MinimalSetup";
}

}  // namespace mayfly

#endif  // MAYFLY_TESTS_UNIT_BASE_LOOP_FIXTURE_H_
