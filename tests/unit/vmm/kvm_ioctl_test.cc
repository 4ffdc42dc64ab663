// KvmIoctl: results pass through, failures name the call.

#include "vmm/kvm_ioctl.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>

#include "base/owned_fd.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(KvmIoctlTest, FailureBeginsWithTheNameOfTheCall) {
  const auto result = KvmIoctl(-1, 0, 0, "KVM_CREATE_VM");
  EXPECT_EQ(result.status().message(), "KVM_CREATE_VM: Bad file descriptor");
}

TEST(KvmIoctlTest, RequestAndArgumentReachTheKernel) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const OwnedFd reader(ends[0]);
  const OwnedFd writer(ends[1]);
  ASSERT_EQ(write(writer.get(), "abc", 3), 3);
  int waiting_bytes = 0;
  const auto result = KvmIoctl(reader.get(), FIONREAD, KvmArgument(&waiting_bytes), "FIONREAD");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, 0);
  EXPECT_EQ(waiting_bytes, 3);
}

}  // namespace
}  // namespace mayfly
