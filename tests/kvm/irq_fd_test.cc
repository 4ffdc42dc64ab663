// IrqFd: an edge on an interrupt line reaches the guest's handler.

#include "vmm/irq_fd.h"

#include "gtest/gtest.h"
#include "tests/guests/guests.h"
#include "tests/kvm/bare_vm.h"

namespace mayfly {
namespace {

constexpr uint8_t kReady = 0x52;
constexpr uint8_t kInterrupted = 0x49;

TEST(IrqFdTest, EachTriggerRunsTheGuestsHandlerOnce) {
  SKIP_WITHOUT_KVM();
  const auto vm = BareVm::Create(guests::irq4_handler(), BareVm::Irqchip::kInKernel);
  ASSERT_TRUE(vm.ok()) << vm.status();
  // Line 4 carries no signal before the guest is ready; LINT0 passes the PIC's interrupts on.
  auto lapic = (*vm)->vcpu.GetLapic();
  ASSERT_TRUE(lapic.ok()) << lapic.status();
  SetBootLapic(*lapic);
  ASSERT_TRUE((*vm)->vcpu.SetLapic(*lapic).ok());
  const auto irq = IrqFd::Create((*vm)->vm, layout::kSerialGsi);
  ASSERT_TRUE(irq.ok()) << irq.status();

  auto exit = (*vm)->vcpu.Run();
  ASSERT_TRUE(exit.ok()) << exit.status();
  ASSERT_EQ(exit->kind, VcpuExit::Kind::kPortWrite) << DescribeExit(*exit);
  ASSERT_EQ(exit->data[0], kReady);
  for (int i = 0; i < 3; ++i) {
    (*irq)->Trigger();
    exit = (*vm)->vcpu.Run();
    ASSERT_TRUE(exit.ok()) << exit.status();
    ASSERT_EQ(exit->kind, VcpuExit::Kind::kPortWrite) << DescribeExit(*exit);
    EXPECT_EQ(exit->guest_address, 0x80u);
    EXPECT_EQ(exit->data[0], kInterrupted);
  }
}

}  // namespace
}  // namespace mayfly
