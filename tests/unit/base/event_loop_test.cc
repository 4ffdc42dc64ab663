// EventLoop: creating, running, stopping, posting, and dying with work in flight.

#include "base/event_loop.h"

#include <sys/eventfd.h>
#include <sys/resource.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/base/loop_fixture.h"

namespace mayfly {
namespace {

using testing::HasSubstr;

class EventLoopTest : public LoopTest {};

INSTANTIATE_TEST_SUITE_P(Setups, EventLoopTest,
                         testing::Values(Ring::Setup::kBest, Ring::Setup::kMinimal), SetupName);

TEST_P(EventLoopTest, SaysHowTheRingWasSetUp) {
  EXPECT_THAT(loop->setup_description(), HasSubstr("256 entries"));
  if (GetParam() == Ring::Setup::kMinimal) {
    EXPECT_THAT(loop->setup_description(), HasSubstr("no flags"));
  }
}

TEST_P(EventLoopTest, StopEndsRunAndRunMayBeCalledAgain) {
  for (int i = 0; i < 3; ++i) {
    loop->Post([&] { loop->Stop(); });
    ASSERT_TRUE(loop->Run().ok());
  }
}

TEST_P(EventLoopTest, PostsOfOneThreadRunInOrderAndNotInsideTheCall) {
  std::vector<int> order;
  loop->Post([&] {
    loop->Post([&] {
      order.push_back(3);
      loop->Stop();
    });
    order.push_back(1);
  });
  loop->Post([&] { order.push_back(2); });
  EXPECT_TRUE(order.empty());
  ASSERT_TRUE(loop->Run().ok());
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST_P(EventLoopTest, PostsOfFourThreadsAllRunInEachThreadsOrder) {
  constexpr size_t kThreads = 4;
  constexpr int kPosts = 5'000;
  std::array<int, kThreads> last{};
  size_t finished_count = 0;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 1; n <= kPosts; ++n) {
        loop->Post([&, i, n] {
          EXPECT_EQ(last[i], n - 1);
          last[i] = n;
          if (n == kPosts && ++finished_count == kThreads) {
            loop->Stop();
          }
        });
      }
    });
  }
  ASSERT_TRUE(loop->Run().ok());
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(finished_count, kThreads);
}

TEST_P(EventLoopTest, PostsDoNotStarveOperations) {
  Pipe pipe;
  OperationGroup io(loop.get());
  std::array<uint8_t, 1> buffer{};
  bool is_read = false;
  std::function<void()> repost = [&] {
    if (!is_read) {
      loop->Post(repost);
    } else {
      loop->Stop();
    }
  };
  loop->Post(repost);
  io.Read(pipe.read_end.get(), buffer, OperationGroup::kCurrentPosition,
          [&](int32_t) { is_read = true; });
  std::thread writer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_EQ(write(pipe.write_end.get(), "x", 1), 1);
  });
  ASSERT_TRUE(loop->Run().ok());
  writer.join();
}

TEST_P(EventLoopTest, DestructionWithOperationsInFlightTakesTheirBuffersBack) {
  Pipe pipe;
  auto alive = std::make_shared<int>(0);
  auto buffer = std::make_unique<std::array<uint8_t, 64>>();
  OperationGroup group(loop.get());
  OwnedFd event_fd(eventfd(0, EFD_CLOEXEC));
  group.Read(pipe.read_end.get(), *buffer, OperationGroup::kCurrentPosition,
             [alive](int32_t) { ++*alive; });
  group.WatchEventFd(event_fd.get(), [alive](int64_t) { ++*alive; });
  loop->Post([alive] { ++*alive; });
  RunFor(100);
  EXPECT_EQ(*alive, 1);
  loop->Post([alive] { ++*alive; });
  loop.reset();
  EXPECT_EQ(*alive, 1);
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_EQ(group.pending_count(), 0u);
  buffer.reset();
  ASSERT_EQ(write(pipe.write_end.get(), "x", 1), 1);
}

TEST_P(EventLoopTest, OperationsAreReusedOnceWarm) {
  Pipe pipe;
  OperationGroup io(loop.get());
  std::array<uint8_t, 1> buffer{};
  int round = 0;
  std::function<void()> start = [&] {
    io.Read(pipe.read_end.get(), buffer, OperationGroup::kCurrentPosition, [&](int32_t) {
      if (++round < 1'000) {
        start();
      } else {
        loop->Stop();
      }
    });
    io.Write(pipe.write_end.get(), buffer, OperationGroup::kCurrentPosition, [](int32_t) {});
  };
  start();
  ASSERT_TRUE(loop->Run().ok());
  EXPECT_EQ(round, 1'000);
}

TEST_P(EventLoopTest, FailureToMakeDescriptorsIsAStatus) {
  loop.reset();
  rlimit old_limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old_limit), 0);
  rlimit none = old_limit;
  none.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto created = EventLoop::Create({.setup = GetParam()});
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old_limit), 0);
  ASSERT_FALSE(created.ok());
  EXPECT_THAT(std::string(created.status().message()), HasSubstr("io_uring_setup: "));
}

#ifndef NDEBUG
TEST_P(EventLoopTest, MethodsOnAnotherThreadAreABug) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(std::thread([&] { loop->Stop(); }).join(), "IsLoopThread");
}
#endif

}  // namespace
}  // namespace mayfly
