// BuildMemoryMap: what guests of different sizes are told.

#include "vmm/memory_map.h"

#include "gtest/gtest.h"
#include "tests/fakes/test_memory.h"
#include "vmm/guest_ram.h"

namespace mayfly {
namespace {

constexpr uint64_t kMib = uint64_t{1} << 20;
constexpr uint64_t kGib = uint64_t{1} << 30;

MemoryMapEntry Ram(uint64_t start, uint64_t end) {
  return {{GuestAddress(start), end - start}, MemoryType::kRam};
}
MemoryMapEntry Reserved(uint64_t start, uint64_t end) {
  return {{GuestAddress(start), end - start}, MemoryType::kReserved};
}

TEST(MemoryMapTest, SmallGuest) {
  const std::vector<MemoryMapEntry> expected = {Ram(0, 0x9fc00), Reserved(0x9fc00, 0xe0000),
                                                Ram(kMib, 128 * kMib),
                                                Reserved(0xeec00000, 0xfec00000)};
  EXPECT_EQ(BuildMemoryMap(MakeTestMemory(128 * kMib)), expected);
}

TEST(MemoryMapTest, GuestWithRamAboveTheHoleIsSorted) {
  const std::vector<MemoryMapEntry> expected = {
      Ram(0, 0x9fc00), Reserved(0x9fc00, 0xe0000), Ram(kMib, 3 * kGib),
      Reserved(0xeec00000, 0xfec00000), Ram(4 * kGib, 6 * kGib)};
  EXPECT_EQ(BuildMemoryMap(MakeTestMemory(GuestRamRanges(5 * kGib))), expected);
}

TEST(MemoryMapTest, GuestOfOneMibHasBaseMemoryOnly) {
  const std::vector<MemoryMapEntry> expected = {Ram(0, 0x9fc00), Reserved(0x9fc00, 0xe0000),
                                                Reserved(0xeec00000, 0xfec00000)};
  EXPECT_EQ(BuildMemoryMap(MakeTestMemory(kMib)), expected);
}

}  // namespace
}  // namespace mayfly
