// ThreadName: kept for each thread, told to the kernel.

#include "base/thread_name.h"

#include <sys/prctl.h>

#include <string>
#include <thread>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

std::string KernelsName() {
  char name[16] = {};
  prctl(PR_GET_NAME, name);
  return name;
}

TEST(ThreadNameTest, IsTheKernelsUntilOneIsGiven) {
  std::thread([] {
    EXPECT_EQ(ThreadName(), KernelsName());
    SetThreadName("fc_vcpu 12");
    EXPECT_EQ(ThreadName(), "fc_vcpu 12");
    EXPECT_EQ(KernelsName(), "fc_vcpu 12");
  }).join();
}

TEST(ThreadNameTest, IsCutToWhatTheKernelTakes) {
  std::thread([] {
    SetThreadName("abcdefghijklmnopqrst");
    EXPECT_EQ(ThreadName(), "abcdefghijklmno");
    EXPECT_EQ(KernelsName(), "abcdefghijklmno");
  }).join();
}

}  // namespace
}  // namespace mayfly
