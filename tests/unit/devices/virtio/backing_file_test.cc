// BackingFile: what may be a disk, and what it tells of itself.

#include "devices/virtio/backing_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"

namespace mayfly {
namespace {

using testing::HasSubstr;

absl::StatusOr<BackingFile> Open(const std::string& path, bool is_read_only = false,
                                 bool is_direct = false) {
  return BackingFile::Open({.path = path, .is_read_only = is_read_only, .is_direct = is_direct});
}

TEST(BackingFileTest, CountsWholeSectors) {
  for (const uint64_t size : {0u, 1u, 511u, 512u, 513u, 1024u * 1024u - 1u}) {
    const TemporaryFile file((std::vector<uint8_t>(size)));
    const auto disk = Open(file.path());
    ASSERT_TRUE(disk.ok()) << disk.status();
    EXPECT_EQ(disk->size_bytes(), size);
    EXPECT_EQ(disk->sector_count(), size / 512);
  }
}

TEST(BackingFileTest, OpeningChangesNothing) {
  const TemporaryFile file(std::vector<uint8_t>(1000, 5));
  ASSERT_TRUE(Open(file.path()).ok());
  struct stat after = {};
  ASSERT_EQ(stat(file.path().c_str(), &after), 0);
  EXPECT_EQ(after.st_size, 1000);
}

TEST(BackingFileTest, TellsItsBlocksAndItsId) {
  const TemporaryFile file(std::vector<uint8_t>(4096));
  const auto disk = Open(file.path());
  ASSERT_TRUE(disk.ok());
  EXPECT_EQ(disk->logical_block_bytes(), 512u);
  EXPECT_GE(disk->physical_block_bytes(), 512u);
  EXPECT_LE(disk->physical_block_bytes(), 65536u);
  EXPECT_EQ(disk->physical_block_bytes() & (disk->physical_block_bytes() - 1), 0u);
  struct stat status = {};
  ASSERT_EQ(stat(file.path().c_str(), &status), 0);
  EXPECT_EQ(disk->image_id(), absl::StrCat(status.st_dev, status.st_rdev, status.st_ino));
}

TEST(BackingFileTest, RefusesWhatIsNoDisk) {
  EXPECT_EQ(Open("/tmp/mayfly-test-no-such-file").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Open("/tmp").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(Open("/tmp").status().message()), HasSubstr("a directory"));
  EXPECT_EQ(Open("/dev/null").status().code(), absl::StatusCode::kInvalidArgument);
}

// Opening a pipe waits for its other end.
TEST(BackingFileTest, RefusesAPipeWithoutWaiting) {
  const std::string path = absl::StrCat(testing::TempDir(), "/backing-file-test-", getpid());
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(Open(path).status().code(), absl::StatusCode::kInvalidArgument);
  unlink(path.c_str());
}

TEST(BackingFileTest, ReadOnlyTakesAFileThatCannotBeWrittenAndMakesNoHoles) {
  const TemporaryFile file(std::vector<uint8_t>(4096));
  const auto disk = Open(file.path(), true);
  ASSERT_TRUE(disk.ok());
  EXPECT_EQ(fcntl(disk->fd(), F_GETFL) & O_ACCMODE, O_RDONLY);
  EXPECT_FALSE(disk->can_punch_holes());
}

TEST(BackingFileTest, IsNotInheritedByOtherPrograms) {
  const TemporaryFile file(std::vector<uint8_t>(4096));
  const auto disk = Open(file.path());
  ASSERT_TRUE(disk.ok());
  EXPECT_NE(fcntl(disk->fd(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(BackingFileTest, ADuplicateOutlivesTheOriginalAndHasTheSizeOfNow) {
  const TemporaryFile file(std::vector<uint8_t>(4096));
  auto disk = Open(file.path());
  ASSERT_TRUE(disk.ok());
  ASSERT_EQ(truncate(file.path().c_str(), 8192), 0);
  const auto copy = disk->Duplicate();
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_NE(copy->fd(), disk->fd());
  EXPECT_EQ(copy->image_id(), disk->image_id());
  EXPECT_EQ(copy->can_punch_holes(), disk->can_punch_holes());
  disk = absl::UnknownError("closed");
  EXPECT_EQ(copy->sector_count(), 16u);
  EXPECT_NE(fcntl(copy->fd(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(BackingFileTest, DirectHasAWayThroughThePageCacheAsWell) {
  const TemporaryFile file(std::vector<uint8_t>(4096));
  const auto plain = Open(file.path());
  ASSERT_TRUE(plain.ok());
  EXPECT_FALSE(plain->is_direct());
  EXPECT_EQ(plain->buffered_fd(), plain->fd());
  const auto direct = Open(file.path(), false, true);
  if (direct.status().code() == absl::StatusCode::kFailedPrecondition) {
    GTEST_SKIP() << direct.status().message();
  }
  ASSERT_TRUE(direct.ok()) << direct.status();
  EXPECT_TRUE(direct->is_direct());
  EXPECT_NE(fcntl(direct->fd(), F_GETFL) & O_DIRECT, 0);
  EXPECT_EQ(fcntl(direct->buffered_fd(), F_GETFL) & O_DIRECT, 0);
}

}  // namespace
}  // namespace mayfly
