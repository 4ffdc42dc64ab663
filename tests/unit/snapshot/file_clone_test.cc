// FileClone: sparse files copied in steps, within a file system and between two.

#include "snapshot/file_clone.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "base/owned_fd.h"
#include "gtest/gtest.h"
#include "snapshot/data_extent.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kFileBytes = 1024 * kPage;

class FileCloneTest : public testing::Test {
 protected:
  void SetUp() override {
    source_ = OwnedFd(open(folder_.PathOf("source").c_str(), O_RDWR | O_CREAT, 0600));
    target_ = OwnedFd(open(folder_.PathOf("target").c_str(), O_RDWR | O_CREAT, 0600));
    ASSERT_EQ(ftruncate(source_.get(), kFileBytes), 0);
    const std::vector<uint8_t> data(10 * kPage, 5);
    for (const uint64_t page : {3u, 500u, 1014u}) {
      ASSERT_EQ(pwrite(source_.get(), data.data(), data.size(), static_cast<off_t>(page * kPage)),
                static_cast<ssize_t>(data.size()));
    }
  }

  static std::vector<uint8_t> Contents(int fd) {
    std::vector<uint8_t> bytes(kFileBytes + 1);
    const ssize_t count = pread(fd, bytes.data(), bytes.size(), 0);
    bytes.resize(count < 0 ? 0 : static_cast<size_t>(count));
    return bytes;
  }

  static uint64_t BlockBytes(int fd) {
    struct stat now = {};
    EXPECT_EQ(fstat(fd, &now), 0);
    return static_cast<uint64_t>(now.st_blocks) * 512;
  }

  TemporaryFolder folder_;
  OwnedFd source_;
  OwnedFd target_;
};

TEST_F(FileCloneTest, CopiesDataAndKeepsHoles) {
  FileClone clone(source_.get(), target_.get(), kFileBytes);
  int steps = 1;
  while (true) {
    const auto done = clone.Step(4 * kPage);
    ASSERT_TRUE(done.ok()) << done.status();
    if (*done) {
      break;
    }
    ++steps;
  }
  EXPECT_EQ(Contents(target_.get()), Contents(source_.get()));
  EXPECT_LE(BlockBytes(target_.get()), 40 * kPage);
  // One where the file system shares data.
  EXPECT_TRUE(steps == 1 || steps >= 8) << steps;
}

TEST_F(FileCloneTest, CopiesBetweenFileSystems) {
  const OwnedFd memory(memfd_create("test", MFD_CLOEXEC));
  FileClone clone(source_.get(), memory.get(), kFileBytes);
  while (true) {
    const auto done = clone.Step(kFileBytes);
    ASSERT_TRUE(done.ok()) << done.status();
    if (*done) {
      break;
    }
  }
  EXPECT_EQ(Contents(memory.get()), Contents(source_.get()));
  EXPECT_LE(BlockBytes(memory.get()), 30 * kPage);
}

TEST_F(FileCloneTest, AFileOfHolesIsOneStep) {
  ASSERT_EQ(ftruncate(source_.get(), 0), 0);
  ASSERT_EQ(ftruncate(source_.get(), kFileBytes), 0);
  FileClone clone(source_.get(), target_.get(), kFileBytes);
  const auto done = clone.Step(1);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_TRUE(*done);
  EXPECT_EQ(Contents(target_.get()), std::vector<uint8_t>(kFileBytes));
}

TEST_F(FileCloneTest, NamesTheCallThatFails) {
  const OwnedFd read_only(open(folder_.PathOf("target").c_str(), O_RDONLY));
  FileClone clone(source_.get(), read_only.get(), kFileBytes);
  EXPECT_EQ(clone.Step(1).status().message(), "ftruncate: Invalid argument");
}

}  // namespace
}  // namespace mayfly
