// HostCpu: a guest goes on on the processor it came from, and not on one that lacks what it uses.

#include "vmm/host_cpu.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(HostCpuTest, ThisHostIsItself) {
  const HostCpu& here = ThisHostCpu();
  EXPECT_EQ(here.vendor.size(), 12u);
  EXPECT_NE(here.signature, 0u);
  EXPECT_EQ(here, ThisHostCpu());
  EXPECT_TRUE(CheckHostCpu(here, {}).ok());
}

TEST(HostCpuTest, AnotherVendorIsRefused) {
  HostCpu origin = ThisHostCpu();
  origin.vendor = "NoSuchVendor";
  const absl::Status status = CheckHostCpu(origin, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), testing::HasSubstr("'NoSuchVendor'"));
}

TEST(HostCpuTest, AnotherModelPassesWhenNothingIsMissing) {
  HostCpu origin = ThisHostCpu();
  origin.signature ^= 0x10;
  // SSE2 and the hypervisor bit.
  const std::vector<kvm_cpuid_entry2> guest = {{.function = 1, .ecx = 1u << 31, .edx = 1u << 26}};
  EXPECT_TRUE(CheckHostCpu(origin, guest).ok());
}

TEST(HostCpuTest, AnotherModelThatLacksAnInstructionIsRefused) {
  HostCpu origin = ThisHostCpu();
  origin.signature ^= 0x10;
  // Leaf 1, ECX bit 16 is reserved: no processor has it.
  const std::vector<kvm_cpuid_entry2> guest = {{.function = 1, .ecx = 1u << 16}};
  const absl::Status status = CheckHostCpu(origin, guest);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), testing::HasSubstr("CPUID leaf 1 ECX, bits 0x10000"));
}

}  // namespace
}  // namespace mayfly
