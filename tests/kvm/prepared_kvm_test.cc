// PreparedKvm: a VM that takes memory and runs, whether it was made ahead or not.

#include "vmm/prepared_kvm.h"

#include <optional>

#include "gtest/gtest.h"
#include "tests/kvm/bare_vm.h"

namespace mayfly {
namespace {

class PreparedKvmTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_KVM();
    auto memory = CreateGuestRam({.size_bytes = BareVm::kRamBytes});
    ASSERT_TRUE(memory.ok()) << memory.status();
    memory_ = *std::move(memory);
  }

  absl::Status AddMemory(const PreparedKvm& kvm) {
    return kvm.vm.SetUserMemoryRegion(
        {.size_bytes = BareVm::kRamBytes, .host_memory = memory_->regions()[0].mapping.data()});
  }

  std::optional<GuestMemory> memory_;
};

TEST_F(PreparedKvmTest, TakesMemoryBeforeItIsComplete) {
  auto kvm = PreparedKvm::Create();
  ASSERT_TRUE(kvm.ok()) << kvm.status();
  EXPECT_FALSE(kvm->first_vcpu);
  EXPECT_TRUE(AddMemory(*kvm).ok());
  ASSERT_TRUE(kvm->Complete().ok());
  ASSERT_TRUE(kvm->first_vcpu);
  EXPECT_TRUE(kvm->first_vcpu->GetLapic().ok());
  // Once: a second set would be refused.
  EXPECT_TRUE(kvm->Complete().ok());
  EXPECT_TRUE(kvm->vm.CreateVcpu(1, kvm->vcpu_mmap_bytes).ok());
}

TEST_F(PreparedKvmTest, TakesMemoryAfterIt) {
  auto kvm = PreparedKvm::Create();
  ASSERT_TRUE(kvm.ok()) << kvm.status();
  ASSERT_TRUE(kvm->Complete().ok());
  EXPECT_TRUE(AddMemory(*kvm).ok());
}

TEST_F(PreparedKvmTest, OneThatWaitsIsTaken) {
  for (const bool is_complete : {false, true}) {
    std::optional<PreparedKvm> waiting = PreparedKvm::Create().value();
    ASSERT_TRUE(!is_complete || waiting->Complete().ok());
    const auto taken = PreparedKvm::Take(&waiting, {});
    ASSERT_TRUE(taken.ok()) << taken.status();
    EXPECT_EQ(taken->first_vcpu.has_value(), is_complete);
    EXPECT_FALSE(waiting);
  }
}

TEST_F(PreparedKvmTest, WithoutOneANewOneIsMade) {
  std::optional<PreparedKvm> none;
  for (std::optional<PreparedKvm>* waiting :
       {&none, static_cast<std::optional<PreparedKvm>*>(nullptr)}) {
    const auto taken = PreparedKvm::Take(waiting, {});
    ASSERT_TRUE(taken.ok()) << taken.status();
    EXPECT_FALSE(taken->first_vcpu);
  }
}

TEST_F(PreparedKvmTest, WhatATemplateWantsIsLookedForInEither) {
  const CapabilityModifier wanted[] = {{.number = 0x7fff, .is_required = true}};
  for (const bool is_waiting : {false, true}) {
    std::optional<PreparedKvm> waiting;
    if (is_waiting) {
      waiting = PreparedKvm::Create().value();
    }
    const auto taken = PreparedKvm::Take(&waiting, wanted);
    EXPECT_EQ(taken.status().code(), absl::StatusCode::kFailedPrecondition) << taken.status();
  }
}

}  // namespace
}  // namespace mayfly
