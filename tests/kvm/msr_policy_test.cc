// MSRs of a guest's state: what is kept and what a vCPU of this host has of it.

#include "vmm/msr_policy.h"

#include <algorithm>

#include "gtest/gtest.h"
#include "tests/guests/guests.h"
#include "tests/kvm/bare_vm.h"

namespace mayfly {
namespace {

TEST(MsrPolicyTest, KeepsWhatTheGuestSetsAndNothingOfTheHost) {
  for (const uint32_t kept : {0x10u, 0x1bu, 0x1a0u, 0x277u, 0x6e0u, 0xc0000080u, 0xc0000102u,
                              0x4b564d00u, 0x4b564d10u, 0x4b564dffu}) {
    EXPECT_TRUE(IsGuestStateMsr(kept)) << std::hex << kept;
  }
  // Counters, VMX, Hyper-V, capabilities of the host, what does not exist.
  for (const uint32_t left : {0xc1u, 0x38fu, 0x480u, 0x40000000u, 0x10au, 0x4b564e00u, 0u, ~0u}) {
    EXPECT_FALSE(IsGuestStateMsr(left)) << std::hex << left;
  }
}

TEST(MsrPolicyTest, FindsThoseThatCanBeReadTheDeadlineLast) {
  SKIP_WITHOUT_KVM();
  const auto vm = BareVm::Create(guests::spin(), BareVm::Irqchip::kInKernel);
  ASSERT_TRUE(vm.ok()) << vm.status();
  const auto listed = KvmSystem::Open()->GetMsrIndexList();
  ASSERT_TRUE(listed.ok()) << listed.status();
  const std::vector<uint32_t> found = FindGuestStateMsrs(*listed, (*vm)->vcpu);
  EXPECT_NE(std::find(found.begin(), found.end(), 0xc0000081u), found.end());
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.back(), 0x6e0u);
  std::vector<uint32_t> sorted = found;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(std::adjacent_find(sorted.begin(), sorted.end()), sorted.end());
}

}  // namespace
}  // namespace mayfly
