// PlaceVirtioDevices: windows and lines; tests/kvm has slots in a VM.

#include "vmm/virtio_slot.h"

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(VirtioSlotTest, WindowsAndLinesFollowEachOther) {
  const auto resources = PlaceVirtioDevices(17);
  ASSERT_TRUE(resources.ok()) << resources.status();
  ASSERT_EQ(resources->size(), 17u);
  EXPECT_EQ((*resources)[0].address, GuestAddress(0xc0001000));
  EXPECT_EQ((*resources)[0].gsi, 5u);
  EXPECT_EQ((*resources)[16].address, GuestAddress(0xc0011000));
  EXPECT_EQ((*resources)[16].gsi, 21u);
}

TEST(VirtioSlotTest, RefusesTheEighteenth) {
  EXPECT_EQ(PlaceVirtioDevices(18).status().message(),
            "a VM has at most 17 disks and network cards together, not 18");
}

TEST(VirtioSlotTest, CommandLineNamesWindowAndLine) {
  EXPECT_EQ(VirtioCommandLineArgument({.address = GuestAddress(0xc0001000), .gsi = 5}),
            "virtio_mmio.device=4K@0xc0001000:5");
}

}  // namespace
}  // namespace mayfly
