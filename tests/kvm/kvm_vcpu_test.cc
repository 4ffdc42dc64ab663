// KvmVcpu: what guests of a few instructions make KVM_RUN return.

#include "vmm/kvm_vcpu.h"

#include <algorithm>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "tests/guests/guests.h"
#include "tests/kvm/bare_vm.h"

namespace mayfly {
namespace {

std::unique_ptr<BareVm> MakeVm(std::span<const uint8_t> guest) {
  auto vm = BareVm::Create(guest, BareVm::Irqchip::kNone);
  EXPECT_TRUE(vm.ok()) << vm.status();
  return vm.ok() ? *std::move(vm) : nullptr;
}

TEST(KvmVcpuTest, PortAccessesExitWithTheirData) {
  SKIP_WITHOUT_KVM();
  const auto vm = MakeVm(guests::port_io_then_hlt());
  ASSERT_NE(vm, nullptr);

  auto exit = vm->vcpu.Run();
  ASSERT_TRUE(exit.ok()) << exit.status();
  ASSERT_EQ(exit->kind, VcpuExit::Kind::kPortRead) << DescribeExit(*exit);
  EXPECT_EQ(exit->guest_address, 0x60u);
  ASSERT_EQ(exit->data.size(), 1u);
  exit->data[0] = 0x41;

  exit = vm->vcpu.Run();
  ASSERT_EQ(exit->kind, VcpuExit::Kind::kPortWrite) << DescribeExit(*exit);
  EXPECT_EQ(exit->guest_address, 0x80u);
  EXPECT_EQ(exit->data[0], 0x42);

  // KVM may hand over a string instruction in one exit or several.
  std::string text;
  for (exit = vm->vcpu.Run(); exit->kind == VcpuExit::Kind::kPortWrite; exit = vm->vcpu.Run()) {
    EXPECT_EQ(exit->guest_address, 0x3f8u);
    EXPECT_EQ(exit->item_size_bytes, 1u);
    text.append(exit->data.begin(), exit->data.end());
  }
  EXPECT_EQ(text, "hi");
  EXPECT_EQ(exit->kind, VcpuExit::Kind::kHalt) << DescribeExit(*exit);
}

TEST(KvmVcpuTest, MmioAccessesExitWithTheirData) {
  SKIP_WITHOUT_KVM();
  const auto vm = MakeVm(guests::mmio_then_hlt());
  ASSERT_NE(vm, nullptr);

  auto exit = vm->vcpu.Run();
  ASSERT_TRUE(exit.ok()) << exit.status();
  ASSERT_EQ(exit->kind, VcpuExit::Kind::kMmioWrite) << DescribeExit(*exit);
  EXPECT_EQ(exit->guest_address, 0x20000000u);
  EXPECT_EQ(std::vector<uint8_t>(exit->data.begin(), exit->data.end()),
            (std::vector<uint8_t>{0x78, 0x56, 0x34, 0x12}));

  exit = vm->vcpu.Run();
  ASSERT_EQ(exit->kind, VcpuExit::Kind::kMmioRead) << DescribeExit(*exit);
  ASSERT_EQ(exit->data.size(), 4u);
  const std::vector<uint8_t> answer = {0xef, 0xbe, 0xad, 0xde};
  std::copy(answer.begin(), answer.end(), exit->data.begin());

  exit = vm->vcpu.Run();
  EXPECT_EQ(exit->kind, VcpuExit::Kind::kHalt) << DescribeExit(*exit);
  EXPECT_EQ(vm->vcpu.GetRegs()->rbx, 0xdeadbeefu);
}

TEST(KvmVcpuTest, TripleFaultIsShutdown) {
  SKIP_WITHOUT_KVM();
  const auto vm = MakeVm(guests::triple_fault());
  ASSERT_NE(vm, nullptr);
  const auto exit = vm->vcpu.Run();
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->kind, VcpuExit::Kind::kShutdown) << DescribeExit(*exit);
}

TEST(KvmVcpuTest, ImmediateExitInterruptsAtOnce) {
  SKIP_WITHOUT_KVM();
  const auto vm = MakeVm(guests::spin());
  ASSERT_NE(vm, nullptr);
  vm->vcpu.RequestImmediateExit(true);
  const auto exit = vm->vcpu.Run();
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->kind, VcpuExit::Kind::kInterrupted);
}

TEST(KvmVcpuTest, TranslateFollowsTheGuestsPageTables) {
  SKIP_WITHOUT_KVM();
  const auto vm = MakeVm(guests::spin());
  ASSERT_NE(vm, nullptr);
  EXPECT_EQ(*vm->vcpu.Translate(0x100123), GuestAddress(0x100123));
  EXPECT_FALSE(vm->vcpu.Translate(uint64_t{1} << 40).ok());
}

TEST(KvmVcpuTest, RefusedMsrIsNamed) {
  SKIP_WITHOUT_KVM();
  const auto vm = MakeVm(guests::spin());
  ASSERT_NE(vm, nullptr);
  const std::vector<kvm_msr_entry> msrs = {{.index = 0x10}, {.index = 0x12345678}};
  const absl::Status status = vm->vcpu.SetMsrs(msrs);
  EXPECT_EQ(status.message(), "KVM_SET_MSRS: MSR 0x12345678 refused");
}

}  // namespace
}  // namespace mayfly
