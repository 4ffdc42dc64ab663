// ProgramFile: which files, and copies onto planted links.

#include "jailer/program_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

using testing::ElementsAre;

class ProgramFileTest : public testing::Test {
 protected:
  ProgramFileTest() {
    WriteWholeFile(folder_.PathOf("source"), content_);
    EXPECT_EQ(chmod(folder_.PathOf("source").c_str(), 04751), 0);
  }

  absl::Status Copy() {
    const auto program = ProgramFile::Open(folder_.PathOf("source"));
    EXPECT_TRUE(program.ok()) << program.status();
    return program->CopyTo(directory_, "copy", geteuid(), getegid(), *rollback_);
  }

  TemporaryFolder folder_;
  Directory directory_ = *Directory::Open(folder_.path());
  const std::vector<uint8_t> content_ = std::vector<uint8_t>(300000, 7);
  std::optional<Rollback> rollback_{std::in_place};
};

TEST_F(ProgramFileTest, CopiesContentAndPermissions) {
  const mode_t mask = umask(077);
  const absl::Status status = Copy();
  umask(mask);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(ReadWholeFile(folder_.PathOf("copy")), content_);
  struct stat now = {};
  ASSERT_EQ(stat(folder_.PathOf("copy").c_str(), &now), 0);
  EXPECT_EQ(now.st_mode & 07777, 0751U) << "set-user-ID is nothing for a jail";
}

TEST_F(ProgramFileTest, RollbackRemovesTheCopy) {
  ASSERT_TRUE(Copy().ok());
  rollback_.reset();
  EXPECT_THAT(folder_.Names(), ElementsAre("source"));
}

TEST_F(ProgramFileTest, OverwritesALeftOver) {
  WriteWholeFile(folder_.PathOf("copy"), std::vector<uint8_t>(400000, 9));
  ASSERT_TRUE(Copy().ok());
  EXPECT_EQ(ReadWholeFile(folder_.PathOf("copy")), content_);
  rollback_.reset();
  EXPECT_THAT(folder_.Names(), ElementsAre("copy", "source"));
}

TEST_F(ProgramFileTest, RefusesASymbolicLinkAsTarget) {
  WriteWholeFile(folder_.PathOf("victim"), {1});
  ASSERT_EQ(symlink("victim", folder_.PathOf("copy").c_str()), 0);
  EXPECT_EQ(Copy().message(), absl::StrCat("Failed to open ", folder_.PathOf("copy"),
                                           ": Symbolic link loop (os error 40)"));
  EXPECT_THAT(ReadWholeFile(folder_.PathOf("victim")), ElementsAre(1));
  ASSERT_EQ(unlink(folder_.PathOf("copy").c_str()), 0);
  ASSERT_EQ(symlink("nothing", folder_.PathOf("copy").c_str()), 0);
  EXPECT_FALSE(Copy().ok());
  EXPECT_THAT(folder_.Names(), ElementsAre("copy", "source", "victim"));
}

TEST_F(ProgramFileTest, RefusesAHardLinkAsTarget) {
  WriteWholeFile(folder_.PathOf("victim"), {1});
  ASSERT_EQ(link(folder_.PathOf("victim").c_str(), folder_.PathOf("copy").c_str()), 0);
  EXPECT_EQ(Copy().message(), absl::StrCat("Detected hard link at: ", folder_.PathOf("copy")));
  EXPECT_THAT(ReadWholeFile(folder_.PathOf("victim")), ElementsAre(1));
}

TEST_F(ProgramFileTest, RefusesOtherKindsOfTargets) {
  ASSERT_EQ(mkfifo(folder_.PathOf("copy").c_str(), 0600), 0);
  EXPECT_FALSE(Copy().ok());
  ASSERT_EQ(unlink(folder_.PathOf("copy").c_str()), 0);
  ASSERT_EQ(mkdir(folder_.PathOf("copy").c_str(), 0700), 0);
  EXPECT_EQ(Copy().message(), absl::StrCat("Failed to open ", folder_.PathOf("copy"),
                                           ": Is a directory (os error 21)"));
}

TEST_F(ProgramFileTest, RefusesATargetOfSomebodyElse) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "only root can give files away";
  }
  WriteWholeFile(folder_.PathOf("copy"), {1});
  ASSERT_EQ(chown(folder_.PathOf("copy").c_str(), 1234, 0), 0);
  EXPECT_EQ(Copy().message(),
            absl::StrCat("Refused to use ", folder_.PathOf("copy"), ": it belongs to user 1234"));
}

TEST_F(ProgramFileTest, TakesRegularFilesOnly) {
  EXPECT_EQ(ProgramFile::Open("/none").status().message(),
            "Failed to canonicalize path /none: No such file or directory (os error 2)");
  EXPECT_EQ(ProgramFile::Open(folder_.path()).status().message(),
            absl::StrCat(folder_.path(), " is not a file"));
  EXPECT_EQ(ProgramFile::Open("/dev/null").status().message(), "/dev/null is not a file");
  ASSERT_EQ(symlink("source", folder_.PathOf("link").c_str()), 0);
  EXPECT_EQ(ProgramFile::Open(folder_.PathOf("link")).status().message(),
            absl::StrCat(folder_.PathOf("link"),
                         " is not a file but a symbolic link, or led to by a loop of them"));
}

}  // namespace
}  // namespace mayfly
