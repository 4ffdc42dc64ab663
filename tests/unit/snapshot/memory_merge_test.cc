// MergeMemory: data of the diff over the base, and files that do not go together.

#include "snapshot/memory_merge.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/owned_fd.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kPage = 4096;
constexpr size_t kFileBytes = 2000 * kPage;

class MemoryMergeTest : public testing::Test {
 protected:
  void SetUp() override {
    WriteWholeFile(base_, base_bytes_);
    diff_file_ = OwnedFd(open(diff_.c_str(), O_RDWR | O_CREAT, 0600));
    ASSERT_EQ(ftruncate(diff_file_.get(), kFileBytes), 0);
  }

  void WriteDiff(size_t page, size_t page_count, uint8_t value) {
    const Bytes data(page_count * kPage, value);
    ASSERT_EQ(pwrite(diff_file_.get(), data.data(), data.size(), static_cast<off_t>(page * kPage)),
              static_cast<ssize_t>(data.size()));
    std::fill_n(base_bytes_.begin() + static_cast<std::ptrdiff_t>(page * kPage), data.size(),
                value);
  }

  TemporaryFolder folder_;
  const std::string base_ = folder_.PathOf("base");
  const std::string diff_ = folder_.PathOf("diff");
  OwnedFd diff_file_;
  // What is expected of the base after the merge.
  Bytes base_bytes_ = Bytes(kFileBytes, 0xee);
};

TEST_F(MemoryMergeTest, TheDiffsDataWinsAndItsHolesDoNot) {
  WriteDiff(3, 2, 1);
  WriteDiff(5, 1, 0);
  WriteDiff(10, 1500, 2);
  WriteDiff(1999, 1, 3);
  const auto written = MergeMemory(base_, diff_);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(*written, 1503 * kPage);
  EXPECT_EQ(ReadWholeFile(base_), base_bytes_);
  EXPECT_EQ(folder_.Names(), (std::vector<std::string>{"base", "diff"}));
}

TEST_F(MemoryMergeTest, AnEmptyDiffChangesNothing) {
  const auto written = MergeMemory(base_, diff_);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(*written, 0u);
  EXPECT_EQ(ReadWholeFile(base_), base_bytes_);
}

TEST_F(MemoryMergeTest, WhoMapsTheBaseKeepsIt) {
  const OwnedFd old(open(base_.c_str(), O_RDONLY));
  WriteDiff(0, 1, 1);
  ASSERT_TRUE(MergeMemory(base_, diff_).ok());
  uint8_t byte = 0;
  ASSERT_EQ(pread(old.get(), &byte, 1, 0), 1);
  EXPECT_EQ(byte, 0xee);
}

TEST_F(MemoryMergeTest, RefusesFilesThatDoNotGoTogether) {
  ASSERT_EQ(ftruncate(diff_file_.get(), kPage), 0);
  EXPECT_EQ(MergeMemory(base_, diff_).status().message(),
            diff_ + ": the diff has 4096 bytes, but the base " + base_ + " has 8192000");
  ASSERT_EQ(link(base_.c_str(), folder_.PathOf("same").c_str()), 0);
  EXPECT_EQ(MergeMemory(base_, folder_.PathOf("same")).status().message(),
            folder_.PathOf("same") + ": is the base itself");
  EXPECT_EQ(MergeMemory(base_, folder_.PathOf("missing")).status().message(),
            folder_.PathOf("missing") + ": open: No such file or directory");
  ASSERT_EQ(mkfifo(folder_.PathOf("pipe").c_str(), 0600), 0);
  EXPECT_EQ(MergeMemory(base_, folder_.PathOf("pipe")).status().message(),
            folder_.PathOf("pipe") + ": is not a regular file");
  EXPECT_EQ(ReadWholeFile(base_), base_bytes_);
}

}  // namespace
}  // namespace mayfly
