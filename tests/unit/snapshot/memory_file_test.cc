// MemoryFile: private mappings of a file, and what a state file may say wrong of it.

#include "snapshot/memory_file.h"

#include <sys/stat.h>

#include "base/status.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_folder.h"
#include "tests/unit/snapshot/snapshot_memory.h"

namespace mayfly {
namespace {

class MemoryFileTest : public testing::Test {
 protected:
  absl::Status MapError(const std::vector<GuestRange>& ranges,
                        HugePages huge_pages = HugePages::kNone) {
    const auto file = MemoryFile::Open(path_);
    EXPECT_TRUE(file.ok()) << file.status();
    return file->Map(ranges, huge_pages).status();
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_.PathOf("memory");
};

TEST_F(MemoryFileTest, MapsEachRegionAtItsPlaceAndNeverWritesToTheFile) {
  std::vector<uint8_t> bytes(64 * kPage, 1);
  std::fill(bytes.begin() + 48 * kPage, bytes.end(), 2);
  WriteWholeFile(path_, bytes);
  const GuestMemory memory = MapTestFile(path_, TwoRanges(48, 16));
  EXPECT_EQ(memory.backing(), GuestMemory::Backing::kPrivateFile);
  EXPECT_GE(memory.fd(), 0);
  EXPECT_EQ(*memory.ReadObject<uint8_t>(GuestAddress(48 * kPage - 1)), 1);
  EXPECT_EQ(*memory.ReadObject<uint8_t>(GuestAddress(uint64_t{4} << 30)), 2);
  EXPECT_EQ(memory.regions()[1].file_offset_bytes, 48 * kPage);
  for (const GuestMemory::Region& region : memory.regions()) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(region.mapping.data()) % (uint64_t{2} << 20), 0u);
  }
  FillPage(memory, 50, 9);
  EXPECT_EQ(ReadWholeFile(path_), bytes);
}

TEST_F(MemoryFileTest, TransparentHugePagesAreAllowed) {
  WriteWholeFile(path_, std::vector<uint8_t>(8 * kPage, 1));
  EXPECT_TRUE(MapError(TwoRanges(4, 4), HugePages::kTransparent).ok());
}

TEST_F(MemoryFileTest, HugetlbfsGuestsGetFirecrackersText) {
  WriteWholeFile(path_, std::vector<uint8_t>(8 * kPage, 1));
  EXPECT_EQ(
      MapError(TwoRanges(4, 4), HugePages::k2M).message(),
      "Cannot restore hugetlbfs backed snapshot by mapping the memory file. Please use uffd.");
}

TEST_F(MemoryFileTest, ShortAndLongFilesAreRefused) {
  WriteWholeFile(path_, std::vector<uint8_t>(7 * kPage, 1));
  EXPECT_EQ(MapError(TwoRanges(4, 4)).message(),
            path_ + ": the memory file has 28672 bytes, but the guest's memory has 32768");
  EXPECT_FALSE(MapError(TwoRanges(4, 2)).ok());
  EXPECT_TRUE(MapError(TwoRanges(4, 3)).ok());
}

TEST_F(MemoryFileTest, HostileRangesAreRefused) {
  WriteWholeFile(path_, std::vector<uint8_t>(8 * kPage, 1));
  const GuestAddress zero(0);
  EXPECT_FALSE(MapError({}).ok());
  EXPECT_FALSE(MapError({{zero, 0}}).ok());
  EXPECT_FALSE(MapError({{zero, 8 * kPage}, {GuestAddress(1 << 30), 0}}).ok());
  EXPECT_FALSE(MapError({{zero, 8 * kPage - 1}, {GuestAddress(1 << 30), 1}}).ok());
  EXPECT_FALSE(MapError({{zero, 4 * kPage}, {zero, 4 * kPage}}).ok()) << "overlap";
  EXPECT_FALSE(MapError({{GuestAddress(1 << 30), 4 * kPage}, {zero, 4 * kPage}}).ok()) << "order";
  EXPECT_FALSE(MapError({{GuestAddress(UINT64_MAX - kPage), 8 * kPage}}).ok());
  // Sums that wrap to the file's size.
  EXPECT_FALSE(MapError({{zero, UINT64_MAX - kPage + 1}, {GuestAddress(1 << 30), 9 * kPage}}).ok());
}

TEST_F(MemoryFileTest, OpenNamesThePath) {
  const auto missing = MemoryFile::Open(path_);
  EXPECT_EQ(missing.status().message(), "open " + path_ + ": No such file or directory");
  EXPECT_EQ(ErrnoOf(missing.status()), ENOENT);
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(MemoryFile::Open(path_).status().message(), path_ + ": is not a regular file");
}

}  // namespace
}  // namespace mayfly
