// GuestMemory: only ranges that lie wholly in RAM resolve.

#include "base/guest_memory.h"

#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

constexpr uint64_t kPage = 4096;

GuestMemory::Region MakeRegion(uint64_t start, uint64_t size_bytes) {
  auto mapping = Mapping::Create({.size_bytes = size_bytes,
                                  .protection = PROT_READ | PROT_WRITE,
                                  .flags = MAP_PRIVATE | MAP_ANONYMOUS});
  EXPECT_TRUE(mapping.ok()) << mapping.status();
  return {GuestAddress(start), *std::move(mapping), 0};
}

// RAM at [0, 2 pages) and [1 MiB, 1 MiB + 1 page).
GuestMemory MakeMemory() {
  std::vector<GuestMemory::Region> regions;
  regions.push_back(MakeRegion(0, 2 * kPage));
  regions.push_back(MakeRegion(1 << 20, kPage));
  auto memory = GuestMemory::Create(std::move(regions), OwnedFd());
  EXPECT_TRUE(memory.ok()) << memory.status();
  return *std::move(memory);
}

TEST(GuestMemoryTest, ResolvesRangesUpToTheLastByte) {
  const GuestMemory memory = MakeMemory();
  EXPECT_EQ(memory.Resolve({GuestAddress(0), 2 * kPage})->size_bytes(), 2 * kPage);
  EXPECT_TRUE(memory.Resolve({GuestAddress(2 * kPage - 1), 1}).ok());
  EXPECT_TRUE(memory.Resolve({GuestAddress((1 << 20) + kPage - 8), 8}).ok());
}

TEST(GuestMemoryTest, RefusesRangesThatLeaveARegion) {
  const GuestMemory memory = MakeMemory();
  const std::vector<GuestRange> outside = {
      {GuestAddress(2 * kPage - 1), 2},
      {GuestAddress(2 * kPage), 1},
      {GuestAddress((1 << 20) - 1), 2},
      {GuestAddress(0), (1 << 20) + kPage},
      {GuestAddress((1 << 20) + kPage), 1},
      {GuestAddress(1), std::numeric_limits<uint64_t>::max()},
      {GuestAddress(std::numeric_limits<uint64_t>::max()), 2},
  };
  for (const GuestRange& range : outside) {
    EXPECT_EQ(memory.Resolve(range).status().code(), absl::StatusCode::kOutOfRange)
        << range.start.value() << "+" << range.size_bytes;
  }
}

TEST(GuestMemoryTest, ReadsBackWhatWasWritten) {
  const GuestMemory memory = MakeMemory();
  ASSERT_TRUE(memory.WriteObject<uint64_t>(GuestAddress(kPage - 4), 0x1122334455667788).ok());
  EXPECT_EQ(*memory.ReadObject<uint64_t>(GuestAddress(kPage - 4)), 0x1122334455667788u);
  EXPECT_EQ(*memory.ReadObject<uint8_t>(GuestAddress(kPage - 4)), 0x88);
  std::array<uint8_t, 16> bytes{};
  EXPECT_FALSE(memory.Read(GuestAddress(2 * kPage - 8), bytes).ok());
  EXPECT_FALSE(memory.Write(GuestAddress(2 * kPage - 8), bytes).ok());
}

TEST(GuestMemoryTest, RefusesOverlappingUnsortedAndEmptyRegions) {
  std::vector<GuestMemory::Region> overlapping;
  overlapping.push_back(MakeRegion(0, 2 * kPage));
  overlapping.push_back(MakeRegion(kPage, kPage));
  EXPECT_FALSE(GuestMemory::Create(std::move(overlapping), OwnedFd()).ok());
  std::vector<GuestMemory::Region> unsorted;
  unsorted.push_back(MakeRegion(1 << 20, kPage));
  unsorted.push_back(MakeRegion(0, kPage));
  EXPECT_FALSE(GuestMemory::Create(std::move(unsorted), OwnedFd()).ok());
  EXPECT_FALSE(GuestMemory::Create({}, OwnedFd()).ok());
}

TEST(GuestMemoryTest, TracksNoWritesUnlessAsked) {
  GuestMemory memory = MakeMemory();
  memory.MarkWritten(memory.regions()[0].mapping.data(), 10);
  EXPECT_EQ(memory.written().page_count(), 0u);
  memory.TrackWrites(true);
  EXPECT_EQ(memory.written(), PageSet(3));
  memory.TrackWrites(false);
  EXPECT_EQ(memory.written().page_count(), 0u);
}

TEST(GuestMemoryTest, CountsPagesWrittenOverAllRegions) {
  GuestMemory memory = MakeMemory();
  memory.TrackWrites(true);
  memory.MarkWritten(memory.regions()[0].mapping.data() + kPage - 1, 2);
  EXPECT_EQ(memory.written().NextRun(0), (PageRun{0, 2}));
  memory.MarkWritten(memory.regions()[1].mapping.data() + 7, 0);
  EXPECT_EQ(memory.written().Count(), 2u);
  memory.MarkWritten(memory.regions()[1].mapping.data() + 7, 1);
  EXPECT_EQ(memory.written().NextRun(0), (PageRun{0, 3}));
  memory.ClearWritten();
  EXPECT_EQ(memory.written(), PageSet(3));
}

}  // namespace
}  // namespace mayfly
