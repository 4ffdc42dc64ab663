// StagedFile: what stands at the path at each moment, and what is left behind.

#include "snapshot/staged_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <utility>

#include "base/status.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

using Bytes = std::vector<uint8_t>;
using Names = std::vector<std::string>;

class StagedFileTest : public testing::Test {
 protected:
  void Write(const StagedFile& file, const Bytes& bytes) {
    ASSERT_EQ(write(file.fd(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_.PathOf("memory");
};

TEST_F(StagedFileTest, TheOldFileStandsUntilCommit) {
  WriteWholeFile(path_, {1});
  auto file = StagedFile::Create(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->path(), path_);
  Write(*file, {2, 3});
  EXPECT_EQ(ReadWholeFile(path_), Bytes{1});
  EXPECT_TRUE(file->Commit().ok());
  EXPECT_EQ(ReadWholeFile(path_), (Bytes{2, 3}));
  EXPECT_EQ(folder_.Names(), Names{"memory"});
}

TEST_F(StagedFileTest, ANewFileIsItsOwnersAlone) {
  {
    auto file = StagedFile::Create(path_);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(folder_.Names().size(), 1u);
    EXPECT_NE(folder_.Names()[0], "memory");
    EXPECT_TRUE(file->Commit().ok());
  }
  struct stat now = {};
  ASSERT_EQ(stat(path_.c_str(), &now), 0);
  EXPECT_EQ(now.st_mode & 07777, 0600u);
}

TEST_F(StagedFileTest, WithoutCommitNothingIsLeft) {
  {
    auto file = StagedFile::Create(path_);
    ASSERT_TRUE(file.ok()) << file.status();
    const StagedFile moved = *std::move(file);
    EXPECT_EQ(folder_.Names().size(), 1u);
  }
  EXPECT_EQ(folder_.Names(), Names{});
}

TEST_F(StagedFileTest, WhoHasTheOldFileOpenKeepsIt) {
  WriteWholeFile(path_, {1});
  const OwnedFd old(open(path_.c_str(), O_RDONLY));
  auto file = StagedFile::Create(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  Write(*file, {2});
  ASSERT_TRUE(file->Commit().ok());
  uint8_t byte = 0;
  EXPECT_EQ(pread(old.get(), &byte, 1, 0), 1);
  EXPECT_EQ(byte, 1);
}

// A killed writer leaves the old file and a temporary one, which the next writer removes.
TEST_F(StagedFileTest, KilledWritersLeaveTheOldFileAndNothingForLong) {
  WriteWholeFile(path_, {1});
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto file = StagedFile::Create(path_);
    if (file.ok() && write(file->fd(), "x", 1) == 1) {
      (void)raise(SIGKILL);
    }
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(ReadWholeFile(path_), Bytes{1});
  EXPECT_EQ(folder_.Names().size(), 2u);
  {
    auto file = StagedFile::Create(path_);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(folder_.Names().size(), 2u) << "the old file and the new temporary one";
  }
  EXPECT_EQ(folder_.Names(), Names{"memory"});
}

TEST_F(StagedFileTest, TemporariesOfOthersStay) {
  WriteWholeFile(folder_.PathOf(".memory2.abcdef.tmp"), {});
  WriteWholeFile(folder_.PathOf(".memory.notes.tmp"), {});
  auto first = StagedFile::Create(path_);
  ASSERT_TRUE(first.ok()) << first.status();
  auto second = StagedFile::Create(path_);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(folder_.Names().size(), 4u);
  EXPECT_TRUE(first->Commit().ok());
  EXPECT_TRUE(second->Commit().ok());
}

TEST_F(StagedFileTest, TwoThatBelongTogetherTakeTheirPlaces) {
  const std::string other_path = folder_.PathOf("state");
  WriteWholeFile(path_, {1});
  WriteWholeFile(other_path, {2});
  auto first = StagedFile::Create(path_);
  auto second = StagedFile::Create(other_path);
  ASSERT_TRUE(first.ok() && second.ok()) << first.status() << second.status();
  Write(*first, {3});
  Write(*second, {4});
  EXPECT_TRUE(StagedFile::CommitBoth(*first, *second).ok());
  EXPECT_EQ(ReadWholeFile(path_), Bytes{3});
  EXPECT_EQ(ReadWholeFile(other_path), Bytes{4});
  EXPECT_EQ(folder_.Names(), (Names{"memory", "state"}));
}

TEST_F(StagedFileTest, ALinkStaysAndItsTargetIsReplaced) {
  WriteWholeFile(path_, {1});
  const std::string link = folder_.PathOf("link");
  ASSERT_EQ(symlink("memory", link.c_str()), 0);
  auto file = StagedFile::Create(link);
  ASSERT_TRUE(file.ok()) << file.status();
  Write(*file, {2});
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(ReadWholeFile(path_), Bytes{2});
  EXPECT_EQ(folder_.Names(), (Names{"link", "memory"}));
}

TEST_F(StagedFileTest, RefusesWhatIsNoPlaceForAFile) {
  const auto missing = StagedFile::Create(folder_.PathOf("missing/memory"));
  EXPECT_EQ(missing.status().message(),
            folder_.PathOf("missing/memory") + ": open: No such file or directory");
  EXPECT_EQ(ErrnoOf(missing.status()), ENOENT);
  EXPECT_EQ(StagedFile::Create("/dev/null").status().message(), "/dev/null: is not a regular file");
  EXPECT_EQ(StagedFile::Create(folder_.path()).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(StagedFile::Create(folder_.PathOf("missing/")).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(StagedFile::Create("").ok());
  EXPECT_FALSE(StagedFile::Create(folder_.PathOf(std::string(255, 'x'))).ok());
}

}  // namespace
}  // namespace mayfly
