// Directory: no links, owners, and what a rollback undoes.

#include "jailer/directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DirectoryTest : public testing::Test {
 protected:
  mode_t ModeOf(const std::string& name) const {
    struct stat now = {};
    EXPECT_EQ(lstat(folder_.PathOf(name).c_str(), &now), 0);
    return now.st_mode & 07777;
  }

  TemporaryFolder folder_;
  Directory directory_ = *Directory::Open(folder_.path());
  std::optional<Rollback> rollback_{std::in_place};
};

TEST_F(DirectoryTest, OpensOverLinksOnceAndKnowsWhereItIs) {
  ASSERT_EQ(symlink(".", folder_.PathOf("link").c_str()), 0);
  const auto again = Directory::Open(folder_.PathOf("link"));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->path(), folder_.path());
  EXPECT_EQ(again->PathOf("x"), folder_.PathOf("x"));
}

TEST_F(DirectoryTest, SaysWhatItWasOpenedFor) {
  EXPECT_EQ(Directory::Open("/none", "Failed to canonicalize path").status().message(),
            "Failed to canonicalize path /none: No such file or directory (os error 2)");
}

TEST_F(DirectoryTest, MakesAChildWithItsModeWhateverTheMask) {
  const mode_t mask = umask(077);
  const auto child = directory_.MakeChild("a", 0755, *rollback_);
  umask(mask);
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_EQ(child->path(), folder_.PathOf("a"));
  EXPECT_EQ(ModeOf("a"), 0755U);
}

TEST_F(DirectoryTest, RollbackRemovesOnlyWhatIsNew) {
  ASSERT_EQ(mkdir(folder_.PathOf("old").c_str(), 0700), 0);
  const auto old = directory_.MakeChild("old", 0755, *rollback_);
  ASSERT_TRUE(old.ok()) << old.status();
  ASSERT_TRUE(old->MakeChild("inner", 0755, *rollback_).ok());
  ASSERT_TRUE(directory_.MakeChild("new", 0755, *rollback_).ok());
  EXPECT_EQ(ModeOf("old"), 0700U);
  rollback_.reset();
  EXPECT_THAT(folder_.Names(), ElementsAre("old"));
  EXPECT_EQ(rmdir(folder_.PathOf("old").c_str()), 0) << "not empty";
}

TEST_F(DirectoryTest, NeverFollowsALink) {
  TemporaryFolder other;
  ASSERT_EQ(symlink(other.path().c_str(), folder_.PathOf("link").c_str()), 0);
  for (const auto& child :
       {directory_.OpenChild("link"), directory_.MakeChild("link", 0755, *rollback_)}) {
    EXPECT_EQ(child.status().message(), absl::StrCat("Failed to open ", folder_.PathOf("link"),
                                                     ": Symbolic link loop (os error 40)"));
  }
  EXPECT_FALSE(directory_.OpenChild("..").ok());
  EXPECT_THAT(other.Names(), IsEmpty());
}

TEST_F(DirectoryTest, RefusesAFile) {
  WriteWholeFile(folder_.PathOf("file"), {1});
  EXPECT_THAT(std::string(directory_.MakeChild("file", 0755, *rollback_).status().message()),
              HasSubstr("Not a directory (os error 20)"));
}

TEST_F(DirectoryTest, ChecksWhoOwnsItAndWhoMayWrite) {
  const uid_t own = geteuid();
  EXPECT_TRUE(directory_.CheckOwner(own, own).ok());
  EXPECT_TRUE(directory_.CheckOwner(own + 1, own).ok());
  EXPECT_EQ(directory_.CheckOwner(own + 1, own + 1).message(),
            absl::StrCat("Refused to use ", folder_.path(), ": it belongs to user ", own,
                         " and not to ", own + 1));
  for (const mode_t mode : {0720U, 0702U}) {
    ASSERT_EQ(chmod(folder_.path().c_str(), mode), 0);
    EXPECT_THAT(std::string(directory_.CheckOwner(own, own).message()),
                HasSubstr("others than its owner may write to it"));
  }
}

TEST_F(DirectoryTest, GivesItselfAwayAndBack) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "only root can give files away";
  }
  const auto child = directory_.MakeChild("a", 0755, *rollback_);
  rollback_->Dismiss();
  ASSERT_TRUE(child->GiveTo(1234, 2345, 0700, *rollback_).ok());
  EXPECT_EQ(child->Stat()->st_uid, 1234U);
  EXPECT_EQ(child->Stat()->st_gid, 2345U);
  EXPECT_EQ(ModeOf("a"), 0700U);
  rollback_.reset();
  EXPECT_EQ(child->Stat()->st_uid, 0U);
  EXPECT_EQ(ModeOf("a"), 0755U);
}

TEST_F(DirectoryTest, RootIsCalledAsItIsElsewhere) {
  const auto root = Directory::OpenRoot("/jails/one");
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(root->PathOf("a"), "/jails/one/a");
  EXPECT_EQ(Directory::Open("/")->PathOf("a"), "/a");
}

}  // namespace
}  // namespace mayfly
