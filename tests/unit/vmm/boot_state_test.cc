// Boot state: registers and tables of the two boot protocols.

#include "vmm/boot_state.h"

#include <cstring>

#include "gtest/gtest.h"
#include "tests/fakes/test_memory.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

constexpr uint64_t kMib = uint64_t{1} << 20;

TEST(BootStateTest, PvhEntryIs32BitProtectedMode) {
  const kvm_regs regs = BootRegs(BootProtocol::kPvh, GuestAddress(0x1000200));
  EXPECT_EQ(regs.rip, 0x1000200u);
  EXPECT_EQ(regs.rbx, 0x6000u);
  EXPECT_EQ(regs.rflags, 2u);
  kvm_sregs sregs = {};
  SetBootSregs(BootProtocol::kPvh, sregs);
  EXPECT_EQ(sregs.cr0, 0x11u);
  EXPECT_EQ(sregs.efer, 0u);
  EXPECT_EQ(sregs.cs.db, 1);
  EXPECT_EQ(sregs.cs.l, 0);
  EXPECT_EQ(sregs.cs.limit, 0xffffffffu);
  EXPECT_EQ(sregs.cs.type, 0xb);
  EXPECT_EQ(sregs.ss.type, 3);
  EXPECT_EQ(sregs.tr.type, 0xb);
  EXPECT_EQ(sregs.tr.limit, 0x67u);
}

TEST(BootStateTest, Linux64EntryIsLongModeWithPaging) {
  const kvm_regs regs = BootRegs(BootProtocol::kLinux64, GuestAddress(0x100200));
  EXPECT_EQ(regs.rsi, 0x7000u);
  EXPECT_EQ(regs.rsp, 0x8ff0u);
  kvm_sregs sregs = {};
  SetBootSregs(BootProtocol::kLinux64, sregs);
  EXPECT_EQ(sregs.cr0, 0x80000011u);
  EXPECT_EQ(sregs.cr3, 0x9000u);
  EXPECT_EQ(sregs.cr4, 0x20u);
  EXPECT_EQ(sregs.efer, 0x500u);
  EXPECT_EQ(sregs.cs.l, 1);
  EXPECT_EQ(sregs.cs.db, 0);
  EXPECT_EQ(sregs.cs.selector, 8);
  EXPECT_EQ(sregs.ds.selector, 16);
}

TEST(BootStateTest, DescriptorsMatchTheSegmentRegisters) {
  const GuestMemory memory = MakeTestMemory(kMib);
  ASSERT_TRUE(WriteBootTables(BootProtocol::kLinux64, memory).ok());
  EXPECT_EQ(*memory.ReadObject<uint64_t>(GuestAddress(0x500)), 0u);
  EXPECT_EQ(*memory.ReadObject<uint64_t>(GuestAddress(0x508)), 0x00af9b000000ffffu);
  EXPECT_EQ(*memory.ReadObject<uint64_t>(GuestAddress(0x510)), 0x00cf93000000ffffu);
  ASSERT_TRUE(WriteBootTables(BootProtocol::kPvh, memory).ok());
  EXPECT_EQ(*memory.ReadObject<uint64_t>(GuestAddress(0x508)), 0x00cf9b000000ffffu);
  EXPECT_EQ(*memory.ReadObject<uint64_t>(GuestAddress(0x518)), 0x00008b0000000067u);
}

TEST(BootStateTest, IdentityMapCoversTheFirstGib) {
  const GuestMemory memory = MakeTestMemory(kMib);
  ASSERT_TRUE(WriteBootTables(BootProtocol::kLinux64, memory).ok());
  EXPECT_EQ(*memory.ReadObject<uint64_t>(GuestAddress(0x9000)), 0xa003u);
  EXPECT_EQ(*memory.ReadObject<uint64_t>(GuestAddress(0xa000)), 0xb003u);
  EXPECT_EQ(*memory.ReadObject<uint64_t>(GuestAddress(0xb000)), 0x83u);
  EXPECT_EQ(*memory.ReadObject<uint64_t>(GuestAddress(0xb000 + 511 * 8)), 0x3fe00083u);
}

TEST(BootStateTest, LapicKeepsTheMaskAndGetsTheDeliveryModes) {
  kvm_lapic_state lapic = {};
  lapic.regs[0x352] = 1;  // masked
  SetBootLapic(lapic);
  uint32_t lint0 = 0;
  uint32_t lint1 = 0;
  std::memcpy(&lint0, lapic.regs + 0x350, sizeof(lint0));
  std::memcpy(&lint1, lapic.regs + 0x360, sizeof(lint1));
  EXPECT_EQ(lint0, 0x10700u);
  EXPECT_EQ(lint1, 0x400u);
}

}  // namespace
}  // namespace mayfly
