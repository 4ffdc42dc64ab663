// CleanJail: folders. Control groups and running jails are tested in tests/jailer.

#include "jailer/jail_cleaning.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class JailCleaningTest : public testing::Test {
 protected:
  void MakeFolder(const std::string& name) {
    std::filesystem::create_directories(folder_.PathOf(name));
  }

  TemporaryFolder folder_;
  JailRemains remains_ = {.base = folder_.path(),
                          .name = {.program = "fc", .id = "one"},
                          .owner = geteuid(),
                          .cgroup = {.parent = "there-is-no-such-group", .id = "one"},
                          .cgroup_version = std::nullopt};
};

TEST_F(JailCleaningTest, RemovesTheJailAndNoOther) {
  MakeFolder(std::string("fc/one/root") + "/dev");
  MakeFolder("fc/two/root");
  const absl::Status status = CleanJail(remains_);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_FALSE(std::filesystem::exists(folder_.PathOf("fc/one")));
  EXPECT_TRUE(std::filesystem::exists(folder_.PathOf("fc/two/root")));
}

TEST_F(JailCleaningTest, NothingThereIsSuccess) {
  EXPECT_TRUE(CleanJail(remains_).ok());
  MakeFolder("fc");
  EXPECT_TRUE(CleanJail(remains_).ok());
  remains_.base = "/none";
  EXPECT_TRUE(CleanJail(remains_).ok());
}

TEST_F(JailCleaningTest, FollowsNoLinkToTheJail) {
  TemporaryFolder other;
  WriteWholeFile(other.PathOf("victim"), {1});
  MakeFolder("fc");
  ASSERT_EQ(symlink(other.path().c_str(), folder_.PathOf("fc/one").c_str()), 0);
  EXPECT_THAT(std::string(CleanJail(remains_).message()), HasSubstr("Symbolic link loop"));
  ASSERT_EQ(unlink(folder_.PathOf("fc/one").c_str()), 0);
  ASSERT_EQ(rmdir(folder_.PathOf("fc").c_str()), 0);
  ASSERT_EQ(symlink(other.path().c_str(), folder_.PathOf("fc").c_str()), 0);
  EXPECT_THAT(std::string(CleanJail(remains_).message()), HasSubstr("Symbolic link loop"));
  EXPECT_THAT(other.Names(), ElementsAre("victim"));
}

TEST_F(JailCleaningTest, RefusesWhatOthersMayWriteTo) {
  MakeFolder("fc/one/root");
  ASSERT_EQ(chmod(folder_.PathOf("fc/one").c_str(), 0777), 0);
  EXPECT_THAT(std::string(CleanJail(remains_).message()), HasSubstr("may write to it"));
  EXPECT_TRUE(std::filesystem::exists(folder_.PathOf("fc/one/root")));
}

TEST_F(JailCleaningTest, WaitsForNoOtherJailer) {
  MakeFolder("fc/one/root");
  const Directory jail = *Directory::Open(folder_.PathOf("fc/one"));
  ASSERT_TRUE(LockJail(jail).ok());
  EXPECT_THAT(std::string(CleanJail(remains_).message()), HasSubstr("another jailer"));
}

}  // namespace
}  // namespace mayfly
