// CgroupPath: walking, in a folder that plays the hierarchy.

#include "jailer/cgroup_path.h"

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
using testing::IsEmpty;

class CgroupPathTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
  Directory top_ = *Directory::Open(folder_.path());
  JailCgroup cgroup_ = {.parent = "all//jails/", .id = "one"};
  std::optional<Rollback> rollback_{std::in_place};
};

TEST_F(CgroupPathTest, MakesEachGroupOnTheWay) {
  EXPECT_THAT(cgroup_.Components(), ElementsAre("all", "jails", "one"));
  const auto path = MakeCgroupPath(top_, cgroup_, *rollback_);
  ASSERT_TRUE(path.ok()) << path.status();
  ASSERT_EQ(path->size(), 4U);
  EXPECT_EQ(path->front().path(), folder_.path());
  EXPECT_EQ(path->back().path(), folder_.PathOf("all/jails/one"));
  rollback_.reset();
  EXPECT_THAT(folder_.Names(), IsEmpty());
}

TEST_F(CgroupPathTest, RefusesPlantedLinks) {
  TemporaryFolder other;
  ASSERT_EQ(symlink(other.path().c_str(), folder_.PathOf("all").c_str()), 0);
  EXPECT_EQ(
      MakeCgroupPath(top_, cgroup_, *rollback_).status().message(),
      absl::StrCat("Failed to open ", folder_.PathOf("all"), ": Symbolic link loop (os error 40)"));
  EXPECT_FALSE(FindCgroup(top_, "all").ok());
  EXPECT_THAT(other.Names(), IsEmpty());
}

TEST_F(CgroupPathTest, FindsWhatThereIs) {
  EXPECT_FALSE(FindCgroup(top_, "all/jails")->has_value());
  ASSERT_TRUE(MakeCgroupPath(top_, cgroup_, *rollback_).ok());
  const auto found = FindCgroup(top_, "/all/jails");
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->path(), folder_.PathOf("all/jails"));
  EXPECT_EQ((*FindCgroup(top_, "/"))->path(), folder_.path());
}

TEST_F(CgroupPathTest, MovesInOnceAndBack) {
  const Directory group = *top_.MakeChild("group", 0755, *rollback_);
  rollback_->Dismiss();
  WriteWholeFile(folder_.PathOf("tasks"), {});
  WriteWholeFile(folder_.PathOf("group/tasks"), {});
  ASSERT_TRUE(MoveIntoCgroup(group, top_, "tasks", *rollback_).ok());
  EXPECT_THAT(ReadWholeFile(folder_.PathOf("group/tasks")), ElementsAre('0'));
  EXPECT_THAT(ReadWholeFile(folder_.PathOf("tasks")), IsEmpty());
  rollback_.reset();
  EXPECT_THAT(ReadWholeFile(folder_.PathOf("tasks")), ElementsAre('0'));
}

TEST_F(CgroupPathTest, NamesTheGroupThatCannotBeEntered) {
  EXPECT_EQ(MoveIntoCgroup(top_, top_, "tasks", *rollback_).message(),
            absl::StrCat("Failed to move process to cgroup (", folder_.path(),
                         "): No such file or directory (os error 2)"));
}

}  // namespace
}  // namespace mayfly
