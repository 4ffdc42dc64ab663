// MakeJailFolder: layout, owners, and jails that are in use.

#include "jailer/jail_folder.h"

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

using testing::HasSubstr;
using testing::IsEmpty;

const std::string kRoot = "fc/one/root";

class JailFolderTest : public testing::Test {
 protected:
  absl::StatusOr<JailFolder> Make() { return MakeJailFolder(base_, name_, owner_, *rollback_); }
  std::string Refusal() { return std::string(Make().status().message()); }

  TemporaryFolder folder_;
  Directory base_ = *Directory::Open(folder_.path());
  JailName name_ = {.program = "fc", .id = "one"};
  uid_t owner_ = geteuid();
  std::optional<Rollback> rollback_{std::in_place};
};

TEST_F(JailFolderTest, LiesWhereClientsLookForIt) {
  const auto folder = Make();
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(folder->root.path(), folder_.PathOf("fc/one/root"));
  EXPECT_EQ(access(folder_.PathOf("fc/one/root").c_str(), F_OK), 0);
  EXPECT_EQ(name_.PidFile(), "fc.pid");
}

TEST_F(JailFolderTest, LeavesNothingAfterAFailure) {
  ASSERT_TRUE(Make().ok());
  rollback_.reset();
  EXPECT_THAT(folder_.Names(), IsEmpty());
}

TEST_F(JailFolderTest, TakesAFolderThatTheClientFilled) {
  ASSERT_EQ(mkdir(folder_.PathOf("fc").c_str(), 0755), 0);
  ASSERT_EQ(mkdir(folder_.PathOf("fc/one").c_str(), 0755), 0);
  ASSERT_EQ(mkdir(folder_.PathOf("fc/one/root").c_str(), 0755), 0);
  WriteWholeFile(folder_.PathOf(kRoot + "/kernel"), {1});
  EXPECT_TRUE(Make().ok());
  rollback_.reset();
  EXPECT_EQ(access(folder_.PathOf(kRoot + "/kernel").c_str(), F_OK), 0);
}

TEST_F(JailFolderTest, RefusesTheIdOfAJailThatWasNotCleaned) {
  ASSERT_TRUE(Make().ok());
  rollback_->Dismiss();
  WriteWholeFile(folder_.PathOf(kRoot + "/fc.pid"), {'1'});
  const absl::Status status = Make().status();
  EXPECT_TRUE(absl::IsAlreadyExists(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(absl::StrCat(folder_.PathOf(kRoot + "/fc.pid"), " exists")));
  rollback_.reset();
  EXPECT_EQ(access(folder_.PathOf(kRoot + "/fc.pid").c_str(), F_OK), 0);
}

TEST_F(JailFolderTest, RefusesTheIdThatAnotherJailerIsAtWorkOn) {
  const auto first = Make();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_THAT(Refusal(), HasSubstr("which another jailer may use: Resource temporarily"));
}

TEST_F(JailFolderTest, RefusesLinksOnTheWay) {
  TemporaryFolder other;
  ASSERT_EQ(symlink(other.path().c_str(), folder_.PathOf("fc").c_str()), 0);
  EXPECT_THAT(Refusal(), HasSubstr("fc: Symbolic link loop"));
  ASSERT_EQ(unlink(folder_.PathOf("fc").c_str()), 0);
  ASSERT_EQ(mkdir(folder_.PathOf("fc").c_str(), 0755), 0);
  ASSERT_EQ(symlink(other.path().c_str(), folder_.PathOf("fc/one").c_str()), 0);
  EXPECT_THAT(Refusal(), HasSubstr("fc/one: Symbolic link loop"));
  ASSERT_EQ(unlink(folder_.PathOf("fc/one").c_str()), 0);
  ASSERT_EQ(mkdir(folder_.PathOf("fc/one").c_str(), 0755), 0);
  ASSERT_EQ(symlink(other.path().c_str(), folder_.PathOf("fc/one/root").c_str()), 0);
  EXPECT_THAT(Refusal(), HasSubstr("fc/one/root: Symbolic link loop"));
  EXPECT_THAT(other.Names(), IsEmpty());
}

TEST_F(JailFolderTest, RefusesFoldersOfOthers) {
  ASSERT_EQ(mkdir(folder_.PathOf("fc").c_str(), 0755), 0);
  ASSERT_EQ(chmod(folder_.PathOf("fc").c_str(), 0777), 0);
  EXPECT_THAT(Refusal(), HasSubstr("others than its owner may write to it (mode 0777)"));
  ASSERT_EQ(chmod(folder_.PathOf("fc").c_str(), 0755), 0);
  if (geteuid() != 0) {
    GTEST_SKIP() << "only root can give files away";
  }
  ASSERT_EQ(chown(folder_.PathOf("fc").c_str(), 1234, 0), 0);
  EXPECT_THAT(Refusal(), HasSubstr("fc: it belongs to user 1234 and not to 0"));
}

}  // namespace
}  // namespace mayfly
