// CreateGuestRam: sizes, holes and backing.

#include "vmm/guest_ram.h"

#include <sys/resource.h>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

constexpr uint64_t kMib = uint64_t{1} << 20;
constexpr uint64_t kGib = uint64_t{1} << 30;

TEST(GuestRamTest, RangesGoAroundTheHoles) {
  using Ranges = std::vector<GuestRange>;
  const GuestAddress zero(0);
  const GuestAddress four_gib(4 * kGib);
  EXPECT_EQ(GuestRamRanges(kMib), (Ranges{{zero, kMib}}));
  EXPECT_EQ(GuestRamRanges(3 * kGib), (Ranges{{zero, 3 * kGib}}));
  EXPECT_EQ(GuestRamRanges(3 * kGib + kMib), (Ranges{{zero, 3 * kGib}, {four_gib, kMib}}));
  EXPECT_EQ(
      GuestRamRanges(300 * kGib),
      (Ranges{{zero, 3 * kGib}, {four_gib, 252 * kGib}, {GuestAddress(512 * kGib), 45 * kGib}}));
}

TEST(GuestRamTest, OneMibIsEnoughToWriteTo) {
  const auto memory = CreateGuestRam({.size_bytes = kMib});
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_GE(memory->fd(), 0);
  EXPECT_TRUE(memory->WriteObject<uint64_t>(GuestAddress(kMib - 8), 1).ok());
  EXPECT_FALSE(memory->WriteObject<uint64_t>(GuestAddress(kMib - 7), 1).ok());
}

TEST(GuestRamTest, RegionsAreOneFileAndAlignedForHugePages) {
  const auto memory = CreateGuestRam({.size_bytes = 4 * kGib});
  ASSERT_TRUE(memory.ok()) << memory.status();
  ASSERT_EQ(memory->regions().size(), 2u);
  EXPECT_EQ(memory->regions()[0].file_offset_bytes, 0u);
  EXPECT_EQ(memory->regions()[1].file_offset_bytes, 3 * kGib);
  for (const GuestMemory::Region& region : memory->regions()) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(region.mapping.data()) % (2 * kMib), 0u);
  }
}

TEST(GuestRamTest, RefusesSizesThatAreZeroOddOrBeyondTheHost) {
  EXPECT_EQ(CreateGuestRam({.size_bytes = 0}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(CreateGuestRam({.size_bytes = kMib + 1}).ok());
  EXPECT_FALSE(CreateGuestRam({.size_bytes = kMib, .huge_pages = HugePages::kTransparent}).ok());
  const auto huge = CreateGuestRam({.size_bytes = uint64_t{1} << 50});
  EXPECT_NE(huge.status().message().find("more than the host's"), std::string::npos)
      << huge.status();
}

TEST(GuestRamTest, FileSizeLimitFallsBackToAnonymousMemory) {
  struct rlimit saved = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &saved), 0);
  const struct rlimit low = {.rlim_cur = kMib, .rlim_max = saved.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &low), 0);
  const auto memory = CreateGuestRam({.size_bytes = 2 * kMib});
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &saved), 0);
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_EQ(memory->fd(), -1);
}

}  // namespace
}  // namespace mayfly
