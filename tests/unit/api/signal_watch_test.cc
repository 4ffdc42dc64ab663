// SignalWatch: signals arrive on the loop instead of ending the process.

#include "api/signal_watch.h"

#include <signal.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(SignalWatchTest, ReportsEachSignalOnTheLoop) {
  auto loop = EventLoop::Create({});
  ASSERT_TRUE(loop.ok()) << loop.status();
  std::vector<int> seen;
  const auto watch = SignalWatch::Create(loop->get(), {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1},
                                         [&](int signal) {
                                           seen.push_back(signal);
                                           if (seen.size() == 1) {
                                             kill(getpid(), SIGINT);
                                           } else {
                                             (*loop)->Stop();
                                           }
                                         });
  ASSERT_TRUE(watch.ok()) << watch.status();
  kill(getpid(), SIGTERM);
  ASSERT_TRUE((*loop)->Run().ok());
  EXPECT_EQ(seen, (std::vector<int>{SIGTERM, SIGINT}));
}

}  // namespace
}  // namespace mayfly
