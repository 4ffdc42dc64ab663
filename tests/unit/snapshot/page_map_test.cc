// PageMap: what touching pages of each kind of memory shows.

#include "snapshot/page_map.h"

#include <sys/mman.h>

#include "gtest/gtest.h"
#include "tests/fakes/temporary_folder.h"
#include "tests/fakes/test_memory.h"
#include "tests/unit/snapshot/snapshot_memory.h"

namespace mayfly {
namespace {

using Pages = std::vector<uint64_t>;

TEST(PageMapTest, AnonymousPagesAreOwn) {
  const GuestMemory memory = MakeTestMemory(TwoRanges(64, 64));
  FillPage(memory, 3, 1);
  FillPage(memory, 64, 1);
  FillPage(memory, 127, 1);
  const auto map = PageMap::Read(memory);
  ASSERT_TRUE(map.ok()) << map.status();
  ASSERT_TRUE(map->has_value());
  EXPECT_EQ(Members((*map)->own), (Pages{3, 64, 127}));
  EXPECT_EQ((*map)->of_file.Count(), 0u);
}

TEST(PageMapTest, SharedPagesAreTheFiles) {
  const GuestMemory memory = MakeSharedMemory(TwoRanges(64, 64));
  FillPage(memory, 70, 1);
  const auto map = PageMap::Read(memory);
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(Members((*map)->of_file), Pages{70});
  EXPECT_EQ((*map)->own.Count(), 0u);
}

TEST(PageMapTest, CopiesOfAFilesPagesAreOwnAndReadOnesAreNot) {
  const TemporaryFolder folder;
  WriteWholeFile(folder.PathOf("memory"), std::vector<uint8_t>(256 * kPage, 1));
  const GuestMemory memory = MapTestFile(folder.PathOf("memory"), TwoRanges(128, 128));
  (void)ReadPage(memory, 5);
  FillPage(memory, 200, 2);
  FillPage(memory, 5 + 64, 0);
  const auto map = PageMap::Read(memory);
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(Members((*map)->own), (Pages{69, 200}));
  EXPECT_TRUE((*map)->of_file.Contains(5));
  EXPECT_FALSE((*map)->of_file.Contains(69));
  EXPECT_FALSE((*map)->of_file.Contains(200));
}

// More than one read of the file: 64 MiB have 16384 entries.
TEST(PageMapTest, FindsPagesInEachPiece) {
  const GuestMemory memory = MakeTestMemory(16384 * kPage);
  for (const uint64_t page : {0u, 8191u, 8192u, 16383u}) {
    FillPage(memory, page, 1);
  }
  const auto map = PageMap::Read(memory);
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(Members((*map)->own), (Pages{0, 8191, 8192, 16383}));
}

}  // namespace
}  // namespace mayfly
