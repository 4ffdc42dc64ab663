// NamedThread: name, signal mask, join.

#include "base/named_thread.h"

#include <pthread.h>
#include <signal.h>

#include <array>
#include <string>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(NamedThreadTest, RunsTheBodyUnderItsNameWithOneSignalOpen) {
  std::array<char, 16> name{};
  sigset_t mask;
  NamedThread thread;
  ASSERT_TRUE(thread
                  .Start("vcpu 7", SIGUSR1,
                         [&] {
                           pthread_getname_np(pthread_self(), name.data(), name.size());
                           pthread_sigmask(SIG_BLOCK, nullptr, &mask);
                         })
                  .ok());
  thread.Join();
  EXPECT_EQ(std::string(name.data()), "vcpu 7");
  EXPECT_EQ(sigismember(&mask, SIGUSR1), 0);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 1);
  EXPECT_EQ(sigismember(&mask, SIGHUP), 1);
  // Their handlers have to run where the fault is.
  for (const int fault : {SIGSEGV, SIGBUS, SIGILL, SIGSYS, SIGABRT}) {
    EXPECT_EQ(sigismember(&mask, fault), 0) << fault;
  }
}

TEST(NamedThreadTest, UnstartedThreadTakesSignalAndJoin) {
  NamedThread thread;
  thread.Signal(SIGKILL);
  thread.Join();
}

}  // namespace
}  // namespace mayfly
