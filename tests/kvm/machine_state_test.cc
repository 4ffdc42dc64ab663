// MachineState: timer, clock and interrupt controllers arrive in another VM as they were.

#include "vmm/machine_state.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/guests/guests.h"
#include "tests/kvm/bare_vm.h"

namespace mayfly {
namespace {

constexpr uint64_t kHourNs = uint64_t{3'600'000'000'000};

class MachineStateTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_KVM();
    vm_ = Make();
    const auto state = SaveMachine(vm_->vm);
    ASSERT_TRUE(state.ok()) << state.status();
    state_ = *state;
  }

  static std::unique_ptr<BareVm> Make() {
    auto vm = BareVm::Create(guests::spin(), BareVm::Irqchip::kInKernel);
    EXPECT_TRUE(vm.ok()) << vm.status();
    EXPECT_TRUE((*vm)->vm.CreatePit2(KVM_PIT_SPEAKER_DUMMY).ok());
    return *std::move(vm);
  }

  std::unique_ptr<BareVm> vm_;
  MachineState state_;
};

TEST_F(MachineStateTest, ArrivesAsItWas) {
  state_.ioapic.chip.ioapic.redirtbl[5].fields.vector = 0x51;
  state_.pic_master.chip.pic.imr = 0xa5;
  state_.pit.channels[2].count = 0x1234;
  // Of another chip: which one it is says the field's place, not the file.
  state_.pic_slave.chip_id = KVM_IRQCHIP_IOAPIC;
  ASSERT_TRUE(RestoreMachine(state_, RestoredClock::kContinues, vm_->vm).ok());
  const auto restored = SaveMachine(vm_->vm);
  ASSERT_TRUE(restored.ok());
  EXPECT_EQ(restored->ioapic.chip.ioapic.redirtbl[5].fields.vector, 0x51);
  EXPECT_EQ(restored->pic_master.chip.pic.imr, 0xa5);
  EXPECT_EQ(restored->pit.channels[2].count, 0x1234u);
}

TEST_F(MachineStateTest, TheClockContinuesFromWhereItStood) {
  state_.clock.clock = kHourNs;
  ASSERT_TRUE(RestoreMachine(state_, RestoredClock::kContinues, vm_->vm).ok());
  const auto now = vm_->vm.GetClock();
  ASSERT_TRUE(now.ok());
  EXPECT_GE(now->clock, kHourNs);
  EXPECT_LT(now->clock, kHourNs + kHourNs / 2);
}

TEST_F(MachineStateTest, TheClockJumpsWithRealTimeWhenAsked) {
  if ((state_.clock.flags & KVM_CLOCK_REALTIME) == 0) {
    GTEST_SKIP() << "needs KVM_CLOCK_REALTIME (Linux 5.16)";
  }
  // Saved an hour ago.
  state_.clock.clock = kHourNs;
  state_.clock.realtime -= kHourNs;
  ASSERT_TRUE(RestoreMachine(state_, RestoredClock::kRealTime, vm_->vm).ok());
  EXPECT_GE(vm_->vm.GetClock()->clock, 2 * kHourNs);
}

TEST_F(MachineStateTest, RealTimeThatWasNotSavedIsRefused) {
  state_.clock.flags = 0;
  EXPECT_EQ(RestoreMachine(state_, RestoredClock::kRealTime, vm_->vm).message(),
            "clock_realtime requested but not present in the snapshot state");
}

}  // namespace
}  // namespace mayfly
