// MakeDeviceNode: planted files. Mounts are tested in jails (tests/jailer).

#include "jailer/device_node.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

using testing::IsEmpty;

class DeviceNodeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) {
      GTEST_SKIP() << "only root can make devices";
    }
  }

  absl::Status Make() {
    return MakeDeviceNode(directory_, "null", makedev(1, 3), 1234, 2345, *rollback_);
  }

  TemporaryFolder folder_;
  Directory directory_ = *Directory::Open(folder_.path());
  std::optional<Rollback> rollback_{std::in_place};
};

TEST_F(DeviceNodeTest, MakesADeviceForTheUser) {
  const absl::Status status = Make();
  ASSERT_TRUE(status.ok()) << status;
  struct stat now = {};
  ASSERT_EQ(stat(folder_.PathOf("null").c_str(), &now), 0);
  EXPECT_EQ(now.st_mode, S_IFCHR | 0600U);
  EXPECT_EQ(now.st_rdev, makedev(1, 3));
  EXPECT_EQ(now.st_uid, 1234U);
  EXPECT_EQ(now.st_gid, 2345U);
  rollback_.reset();
  EXPECT_THAT(folder_.Names(), IsEmpty());
}

TEST_F(DeviceNodeTest, RefusesWhateverIsThere) {
  const std::string path = folder_.PathOf("null");
  WriteWholeFile(folder_.PathOf("victim"), {1});
  const auto plants = {
      std::function<int()>([&] { return symlink("victim", path.c_str()); }),
      std::function<int()>([&] { return symlink("nothing", path.c_str()); }),
      std::function<int()>([&] { return link(folder_.PathOf("victim").c_str(), path.c_str()); }),
      std::function<int()>([&] { return mknod(path.c_str(), S_IFCHR | 0666, makedev(1, 3)); })};
  for (const auto& plant : plants) {
    ASSERT_EQ(plant(), 0);
    EXPECT_EQ(Make().message(),
              absl::StrCat("Failed to create ", path, ": File exists (os error 17)"));
    struct stat victim = {};
    ASSERT_EQ(stat(folder_.PathOf("victim").c_str(), &victim), 0);
    EXPECT_EQ(victim.st_uid, 0U);
    ASSERT_EQ(unlink(path.c_str()), 0) << "it was removed with what failed";
  }
}

TEST_F(DeviceNodeTest, SaysWhichDeviceTheHostHasNot) {
  const absl::Status status = CloneDevice("/dev/none").status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_EQ(status.message(),
            "Failed to take the mount of /dev/none: No such file or directory (os error 2)");
}

}  // namespace
}  // namespace mayfly
