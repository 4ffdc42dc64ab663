// CgroupMounts: hosts with version 1, 2 or both.

#include "jailer/cgroup_mounts.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Mount kRoot = {.mount_point = "/", .type = "ext4", .super_options = "rw,cpu"};
const Mount kSystemd = {
    .mount_point = "/c/systemd", .type = "cgroup", .super_options = "rw,xattr,name=systemd"};
const Mount kCpu = {.mount_point = "/c/cpu", .type = "cgroup", .super_options = "rw,cpu,cpuacct"};
const Mount kMemory = {.mount_point = "/c/memory", .type = "cgroup", .super_options = "rw,memory"};
const Mount kUnified = {
    .mount_point = "/c/unified", .type = "cgroup2", .super_options = "rw,nsdelegate"};

TEST(CgroupMountsTest, FindsControllersOfVersion1) {
  const CgroupMounts mounts({kRoot, kSystemd, kCpu, kMemory, kUnified});
  EXPECT_EQ(mounts.OfController("cpu"), "/c/cpu");
  EXPECT_EQ(mounts.OfController("cpuacct"), "/c/cpu");
  EXPECT_EQ(mounts.OfController("memory"), "/c/memory");
  EXPECT_EQ(mounts.OfController("pids"), std::nullopt);
  EXPECT_EQ(mounts.OfController("rw"), std::nullopt);
  EXPECT_THAT(mounts.WithControllers(), ElementsAre("/c/cpu", "/c/memory"));
  EXPECT_EQ(mounts.unified(), "/c/unified");
  EXPECT_EQ(mounts.DefaultVersion(), CgroupVersion::k1);
}

TEST(CgroupMountsTest, VersionIs2WhereThereIsNothingElse) {
  EXPECT_EQ(CgroupMounts({kRoot, kUnified}).DefaultVersion(), CgroupVersion::k2);
  EXPECT_EQ(CgroupMounts({kSystemd, kUnified}).DefaultVersion(), CgroupVersion::k2);
  EXPECT_EQ(CgroupMounts({kCpu, kUnified}).DefaultVersion(), CgroupVersion::k1);
  EXPECT_EQ(CgroupMounts({kRoot}).DefaultVersion(), CgroupVersion::k1);
}

TEST(CgroupMountsTest, TheFirstMountOfAHierarchyCounts) {
  Mount again = kCpu;
  again.mount_point = "/d/cpu";
  Mount unified_again = kUnified;
  unified_again.mount_point = "/d";
  const CgroupMounts mounts({kCpu, again, kUnified, unified_again});
  EXPECT_THAT(mounts.WithControllers(), ElementsAre("/c/cpu"));
  EXPECT_EQ(mounts.unified(), "/c/unified");
  EXPECT_THAT(CgroupMounts({kRoot}).WithControllers(), IsEmpty());
}

TEST(CgroupMountsTest, RefusesAFolderWithoutControlGroups) {
  TemporaryFolder folder;
  for (const CgroupVersion version : {CgroupVersion::k1, CgroupVersion::k2}) {
    EXPECT_THAT(std::string(OpenCgroupMount(folder.path(), version).status().message()),
                HasSubstr("has no control groups of version"));
  }
  EXPECT_EQ(OpenCgroupMount("/none", CgroupVersion::k1).status().message(),
            "Failed to open the control groups /none: No such file or directory (os error 2)");
}

}  // namespace
}  // namespace mayfly
