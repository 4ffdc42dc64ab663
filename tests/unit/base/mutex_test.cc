// Mutex and Condition between threads.

#include "base/mutex.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(MutexTest, OneThreadAtATime) {
  Mutex mutex;
  int count = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) {
        MutexLock lock(&mutex);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(count, 4000);
}

TEST(MutexTest, ConditionWakesAWaiter) {
  Mutex mutex;
  Condition condition;
  bool is_ready = false;
  std::thread thread([&] {
    MutexLock lock(&mutex);
    is_ready = true;
    condition.NotifyAll();
  });
  {
    MutexLock lock(&mutex);
    while (!is_ready) {
      condition.Wait(&mutex);
    }
  }
  thread.join();
  EXPECT_TRUE(is_ready);
}

}  // namespace
}  // namespace mayfly
