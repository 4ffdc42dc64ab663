// WritePvhStartInfo: the fields at the offsets of Xen's ABI.

#include "vmm/pvh_start_info.h"

#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/test_memory.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

constexpr uint64_t kMib = uint64_t{1} << 20;

template <typename T>
T ReadAt(const GuestMemory& memory, uint64_t address) {
  return memory.ReadObject<T>(GuestAddress(address)).value_or(0);
}

TEST(PvhStartInfoTest, PointsToCommandLineModuleMapAndRsdp) {
  const GuestMemory memory = MakeTestMemory(kMib);
  const std::vector<MemoryMapEntry> map = {
      {{GuestAddress(0), 0x9fc00}, MemoryType::kRam},
      {{GuestAddress(0x100000), 0x7000}, MemoryType::kReserved}};
  ASSERT_TRUE(WritePvhStartInfo({.command_line = {GuestAddress(0x20000), 3},
                                 .initrd = GuestRange{GuestAddress(0x55000), 0x1234},
                                 .memory_map = map,
                                 .rsdp = GuestAddress(0xe0000)},
                                memory)
                  .ok());
  EXPECT_EQ(ReadAt<uint32_t>(memory, 0x6000), 0x336ec578u);    // magic
  EXPECT_EQ(ReadAt<uint32_t>(memory, 0x6000 + 4), 1u);         // version
  EXPECT_EQ(ReadAt<uint32_t>(memory, 0x6000 + 12), 1u);        // nr_modules
  EXPECT_EQ(ReadAt<uint64_t>(memory, 0x6000 + 16), 0x6040u);   // modlist_paddr
  EXPECT_EQ(ReadAt<uint64_t>(memory, 0x6000 + 24), 0x20000u);  // cmdline_paddr
  EXPECT_EQ(ReadAt<uint64_t>(memory, 0x6000 + 32), 0xe0000u);  // rsdp_paddr
  EXPECT_EQ(ReadAt<uint64_t>(memory, 0x6000 + 40), 0x7000u);   // memmap_paddr
  EXPECT_EQ(ReadAt<uint32_t>(memory, 0x6000 + 48), 2u);        // memmap_entries
  EXPECT_EQ(ReadAt<uint64_t>(memory, 0x6040), 0x55000u);       // the module
  EXPECT_EQ(ReadAt<uint64_t>(memory, 0x6040 + 8), 0x1234u);
  EXPECT_EQ(ReadAt<uint64_t>(memory, 0x7000 + 24), 0x100000u);  // the second map entry
  EXPECT_EQ(ReadAt<uint64_t>(memory, 0x7000 + 32), 0x7000u);
  EXPECT_EQ(ReadAt<uint32_t>(memory, 0x7000 + 40), 2u);
}

TEST(PvhStartInfoTest, WithoutInitrdThereIsNoModule) {
  const GuestMemory memory = MakeTestMemory(kMib);
  ASSERT_TRUE(WritePvhStartInfo({}, memory).ok());
  EXPECT_EQ(ReadAt<uint32_t>(memory, 0x6000 + 12), 0u);
  EXPECT_EQ(ReadAt<uint64_t>(memory, 0x6000 + 16), 0u);
}

TEST(PvhStartInfoTest, RefusesAMemoryMapThatDoesNotFit) {
  const GuestMemory memory = MakeTestMemory(kMib);
  const std::vector<MemoryMapEntry> map(129);
  EXPECT_EQ(WritePvhStartInfo({.memory_map = map}, memory).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace mayfly
