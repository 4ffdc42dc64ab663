// KvmVm: memory slots, the dirty log and interrupt lines.

#include "vmm/kvm_vm.h"

#include <vector>

#include "gtest/gtest.h"
#include "tests/guests/guests.h"
#include "tests/kvm/bare_vm.h"

namespace mayfly {
namespace {

TEST(KvmVmTest, DirtyLogHasThePagesTheGuestWrote) {
  SKIP_WITHOUT_KVM();
  const auto vm =
      BareVm::Create(guests::dirty_three_pages(), BareVm::Irqchip::kNone, KVM_MEM_LOG_DIRTY_PAGES);
  ASSERT_TRUE(vm.ok()) << vm.status();
  std::vector<uint64_t> bitmap(BareVm::kRamBytes / 4096 / 64);
  ASSERT_TRUE((*vm)->vm.GetDirtyLog(0, bitmap).ok());

  const auto exit = (*vm)->vcpu.Run();
  ASSERT_TRUE(exit.ok()) << exit.status();
  ASSERT_EQ(exit->kind, VcpuExit::Kind::kHalt) << DescribeExit(*exit);

  ASSERT_TRUE((*vm)->vm.GetDirtyLog(0, bitmap).ok());
  const auto is_dirty = [&](size_t page) { return (bitmap[page / 64] >> page % 64 & 1) != 0; };
  EXPECT_TRUE(is_dirty(0x110));
  EXPECT_TRUE(is_dirty(0x120));
  EXPECT_TRUE(is_dirty(0x121));
  EXPECT_FALSE(is_dirty(0x111));
  EXPECT_FALSE(is_dirty(0x11f));
  EXPECT_FALSE(is_dirty(0x130));
}

TEST(KvmVmTest, OverlappingSlotIsRefusedWithTheCallsName) {
  SKIP_WITHOUT_KVM();
  const auto vm = BareVm::Create(guests::spin(), BareVm::Irqchip::kNone);
  ASSERT_TRUE(vm.ok()) << vm.status();
  const absl::Status status =
      (*vm)->vm.SetUserMemoryRegion({.slot = 1,
                                     .start = GuestAddress(0x1000),
                                     .size_bytes = 0x1000,
                                     .host_memory = (*vm)->memory.regions()[0].mapping.data()});
  EXPECT_EQ(status.message(), "KVM_SET_USER_MEMORY_REGION: File exists");
}

}  // namespace
}  // namespace mayfly
