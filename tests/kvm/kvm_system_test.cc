// KvmSystem: the host's KVM as a micro-VM needs it.

#include "vmm/kvm_system.h"

#include <linux/kvm.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kvm/bare_vm.h"

namespace mayfly {
namespace {

TEST(KvmSystemTest, HostHasTheRequiredCapabilities) {
  SKIP_WITHOUT_KVM();
  const auto kvm = KvmSystem::Open();
  ASSERT_TRUE(kvm.ok()) << kvm.status();
  EXPECT_TRUE(kvm->CheckRequiredCapabilities().ok()) << kvm->CheckRequiredCapabilities();
}

TEST(KvmSystemTest, UnknownCapabilityIsAbsent) {
  SKIP_WITHOUT_KVM();
  const auto kvm = KvmSystem::Open();
  ASSERT_TRUE(kvm.ok()) << kvm.status();
  EXPECT_GT(kvm->CheckExtension(KVM_CAP_NR_VCPUS), 0);
  EXPECT_EQ(kvm->CheckExtension(1U << 30), 0);
}

TEST(KvmSystemTest, RunPageHoldsTheExitStructure) {
  SKIP_WITHOUT_KVM();
  const auto kvm = KvmSystem::Open();
  ASSERT_TRUE(kvm.ok()) << kvm.status();
  const auto size_bytes = kvm->GetVcpuMmapSize();
  ASSERT_TRUE(size_bytes.ok()) << size_bytes.status();
  EXPECT_GE(*size_bytes, sizeof(kvm_run));
}

TEST(KvmSystemTest, SupportedCpuidHasTheFirstLeaf) {
  SKIP_WITHOUT_KVM();
  const auto kvm = KvmSystem::Open();
  ASSERT_TRUE(kvm.ok()) << kvm.status();
  const auto entries = kvm->GetSupportedCpuid();
  ASSERT_TRUE(entries.ok()) << entries.status();
  EXPECT_THAT(*entries, testing::Contains(testing::Field(&kvm_cpuid_entry2::function, 0U)));
}

}  // namespace
}  // namespace mayfly
