// Vcpu: its thread starts, stops on request and reports what ends it.

#include "vmm/vcpu.h"

#include <future>
#include <memory>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/guests/guests.h"
#include "tests/kvm/bare_vm.h"

namespace mayfly {
namespace {

class VcpuTest : public testing::Test {
 protected:
  // Gives the guest's vCPU to a Vcpu without devices.
  std::unique_ptr<Vcpu> MakeVcpu(std::span<const uint8_t> guest) {
    auto vm = BareVm::Create(guest, BareVm::Irqchip::kNone);
    EXPECT_TRUE(vm.ok()) << vm.status();
    vm_ = *std::move(vm);
    EXPECT_TRUE(InstallVcpuKickHandler().ok());
    return std::make_unique<Vcpu>(
        0, std::move(vm_->vcpu),
        Vcpu::Machine{
            .memory = &vm_->memory, .ports = &bus_, .mmio = &bus_, .on_end = [this](VcpuEnd end) {
              end_.set_value(std::move(end));
            }});
  }

  std::unique_ptr<BareVm> vm_;
  Bus bus_;
  std::promise<VcpuEnd> end_;
};

TEST_F(VcpuTest, StopsAGuestThatNeverExits) {
  SKIP_WITHOUT_KVM();
  const auto vcpu = MakeVcpu(guests::spin());
  ASSERT_TRUE(vcpu->Start().ok());
  while (vcpu->first_run_us() == 0) {
    std::this_thread::yield();
  }
  vcpu->RequestStop();
  vcpu->Join();
  EXPECT_NE(end_.get_future().wait_for(std::chrono::seconds(0)), std::future_status::ready);
}

TEST_F(VcpuTest, StopsBeforeItEverRan) {
  SKIP_WITHOUT_KVM();
  const auto vcpu = MakeVcpu(guests::spin());
  vcpu->RequestStop();
  ASSERT_TRUE(vcpu->Start().ok());
  vcpu->Join();
}

TEST_F(VcpuTest, TripleFaultEndsWithRegistersAndInstruction) {
  SKIP_WITHOUT_KVM();
  const auto vcpu = MakeVcpu(guests::triple_fault());
  ASSERT_TRUE(vcpu->Start().ok());
  const VcpuEnd end = end_.get_future().get();
  EXPECT_EQ(end.vcpu_index, 0u);
  EXPECT_EQ(end.reason, "KVM_EXIT_SHUTDOWN: triple fault");
  EXPECT_THAT(end.dump, testing::HasSubstr("rip "));
  EXPECT_THAT(end.dump, testing::HasSubstr("instruction bytes: "));
}

TEST_F(VcpuTest, HaltWithoutInterruptControllerIsAnUnusableExit) {
  SKIP_WITHOUT_KVM();
  const auto vcpu = MakeVcpu(guests::dirty_three_pages());
  ASSERT_TRUE(vcpu->Start().ok());
  EXPECT_EQ(end_.get_future().get().reason, "KVM_EXIT_HLT");
}

}  // namespace
}  // namespace mayfly
