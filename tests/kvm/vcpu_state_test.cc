// VcpuState: another vCPU goes on with it, and what no vCPU can have is refused.

#include "vmm/vcpu_state.h"

#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/guests/guests.h"
#include "tests/kvm/bare_vm.h"
#include "vmm/msr_policy.h"

namespace mayfly {
namespace {

class VcpuStateTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_KVM();
    origin_ = MakeVm(guests::dirty_three_pages());
    copy_ = MakeVm(guests::spin());
    const auto listed = KvmSystem::Open()->GetMsrIndexList();
    ASSERT_TRUE(listed.ok()) << listed.status();
    msrs_ = FindGuestStateMsrs(*listed, origin_->vcpu);
    xsave_bytes_ = origin_->vm.GetXsaveSize();
    auto state = SaveVcpu(origin_->vcpu, msrs_, xsave_bytes_);
    ASSERT_TRUE(state.ok()) << state.status();
    state_ = *std::move(state);
  }

  static std::unique_ptr<BareVm> MakeVm(std::span<const uint8_t> guest) {
    auto vm = BareVm::Create(guest, BareVm::Irqchip::kInKernel);
    EXPECT_TRUE(vm.ok()) << vm.status();
    return *std::move(vm);
  }

  absl::Status Restore() const { return RestoreVcpu(state_, xsave_bytes_, copy_->vcpu); }

  std::unique_ptr<BareVm> origin_;
  std::unique_ptr<BareVm> copy_;
  std::vector<uint32_t> msrs_;
  size_t xsave_bytes_ = 0;
  VcpuState state_;
};

TEST_F(VcpuStateTest, RegistersArriveAsTheyWere) {
  state_.regs.rbx = 0x1234567890;
  state_.sregs.cr2 = 0xabcd000;
  ASSERT_TRUE(Restore().ok()) << Restore();
  const auto restored = SaveVcpu(copy_->vcpu, msrs_, xsave_bytes_);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->regs.rbx, 0x1234567890u);
  EXPECT_EQ(restored->regs.rip, state_.regs.rip);
  EXPECT_EQ(restored->sregs.cr2, 0xabcd000u);
  EXPECT_EQ(restored->sregs.cr3, state_.sregs.cr3);
  EXPECT_EQ(restored->sregs.efer, state_.sregs.efer);
  EXPECT_EQ(restored->cpuid.size(), state_.cpuid.size());
  EXPECT_EQ(restored->mp_state.mp_state, state_.mp_state.mp_state);
  ASSERT_EQ(restored->msrs.size(), state_.msrs.size());
}

TEST_F(VcpuStateTest, KvmsOwnMsrsArriveAsTheyWere) {
  // The wall clock's page; KVM writes the time there.
  for (kvm_msr_entry& msr : state_.msrs) {
    if (msr.index == 0x4b564d00) {
      msr.data = 0x3000;
    }
  }
  ASSERT_TRUE(Restore().ok()) << Restore();
  const kvm_msr_entry wanted[] = {{.index = 0x4b564d00}};
  const auto read = copy_->vcpu.GetMsrs(wanted);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((*read)[0].data, 0x3000u);
}

TEST_F(VcpuStateTest, ADeadlineThatHasPassedIsDueAtOnce) {
  ASSERT_EQ(state_.msrs.back().index, 0x6e0u);
  EXPECT_NE(state_.msrs.back().data, 0u);
}

TEST_F(VcpuStateTest, MsrsThatAreNotAGuestsAreRefused) {
  state_.msrs.push_back({.index = 0x480});
  EXPECT_THAT(Restore().message(), testing::HasSubstr("MSR 0x480 is not part of"));
}

TEST_F(VcpuStateTest, MsrValuesThatKvmRefusesAreNamed) {
  // EFER with a reserved bit.
  state_.msrs.push_back({.index = 0xc0000080, .data = uint64_t{1} << 60});
  EXPECT_THAT(Restore().message(), testing::HasSubstr("MSR 0xc0000080 refused"));
}

TEST_F(VcpuStateTest, VectorRegistersOfAnotherSizeAreRefusedOrExtended) {
  std::vector<uint8_t> area = state_.xsave;
  for (const size_t wrong : {size_t{0}, size_t{4095}, xsave_bytes_ + 1, size_t{1} << 20}) {
    state_.xsave.assign(wrong, 0);
    EXPECT_THAT(Restore().message(), testing::HasSubstr("vector registers take")) << wrong;
  }
  state_.xsave = area;
  EXPECT_TRUE(Restore().ok()) << Restore();
}

TEST_F(VcpuStateTest, TooManyCpuidEntriesAreRefused) {
  state_.cpuid.resize(257);
  EXPECT_EQ(Restore().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace mayfly
