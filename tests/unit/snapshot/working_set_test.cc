// WorkingSet: what a restored guest used.

#include "snapshot/working_set.h"

#include "gtest/gtest.h"
#include "tests/fakes/temporary_folder.h"
#include "tests/fakes/test_memory.h"
#include "tests/unit/snapshot/snapshot_memory.h"

namespace mayfly {
namespace {

TEST(WorkingSetTest, RecordsPagesReadAndWritten) {
  const TemporaryFolder folder;
  WriteWholeFile(folder.PathOf("memory"), std::vector<uint8_t>(512 * kPage, 1));
  const GuestMemory memory = MapTestFile(folder.PathOf("memory"), TwoRanges(256, 256));
  (void)ReadPage(memory, 100);
  FillPage(memory, 300, 0);
  FillPage(memory, 511, 5);
  const auto set = WorkingSet::Record(memory);
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_EQ(Members(set->written), (std::vector<uint64_t>{300, 511}));
  EXPECT_TRUE(set->read.Contains(100));
  EXPECT_FALSE(set->read.Contains(300));
  EXPECT_LE(set->read.Count(), 64u) << "of 512 pages only those around the one that was read";
}

TEST(WorkingSetTest, OtherMemoryHasNone) {
  EXPECT_EQ(WorkingSet::Record(MakeTestMemory(64 * kPage)).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(WorkingSet::Record(MakeSharedMemory(TwoRanges(4, 4))).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace mayfly
