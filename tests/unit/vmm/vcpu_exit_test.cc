// DescribeExit: the names a user reads.

#include "vmm/vcpu_exit.h"

#include <linux/kvm.h>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(VcpuExitTest, NamesWhatHappened) {
  EXPECT_EQ(DescribeExit({.kind = VcpuExit::Kind::kShutdown}), "KVM_EXIT_SHUTDOWN: triple fault");
  EXPECT_EQ(DescribeExit(
                {.kind = VcpuExit::Kind::kInternalError, .detail = KVM_INTERNAL_ERROR_EMULATION}),
            "KVM_EXIT_INTERNAL_ERROR: emulation failure");
  EXPECT_EQ(DescribeExit({.kind = VcpuExit::Kind::kInternalError, .detail = 77}),
            "KVM_EXIT_INTERNAL_ERROR: suberror 77");
  EXPECT_EQ(DescribeExit({.kind = VcpuExit::Kind::kFailedEntry, .detail = 0x21}),
            "KVM_EXIT_FAIL_ENTRY: hardware reason 0x21");
  EXPECT_EQ(DescribeExit({.kind = VcpuExit::Kind::kUnhandled, .reason = 99}),
            "unknown exit: KVM_EXIT reason 99");
  EXPECT_EQ(DescribeExit({.kind = VcpuExit::Kind::kPortRead, .guest_address = 0x60}),
            "KVM_EXIT_IO: port 0x60");
}

}  // namespace
}  // namespace mayfly
