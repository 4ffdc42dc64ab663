// ParseMountTable: lines of mountinfo.

#include "jailer/mount_table.h"

#include "absl/algorithm/container.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(MountTableTest, TakesMountPointTypeAndOptions) {
  const auto mounts = ParseMountTable(
      "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
      "30 25 0:26 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 master:2 - cgroup cgroup "
      "rw,cpu,cpuacct\n");
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(mounts[0].mount_point, "/mnt2");
  EXPECT_EQ(mounts[0].type, "ext3");
  EXPECT_EQ(mounts[0].super_options, "rw,errors=continue");
  EXPECT_EQ(mounts[1].mount_point, "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(mounts[1].super_options, "rw,cpu,cpuacct");
}

TEST(MountTableTest, ReadsEscapedPaths) {
  const auto mounts = ParseMountTable("1 2 3:4 / /a\\040b\\134c\\011\\ rw - tmpfs none rw");
  ASSERT_EQ(mounts.size(), 1U);
  EXPECT_EQ(mounts[0].mount_point, "/a b\\c\t\\");
}

TEST(MountTableTest, LeavesOutOtherLines) {
  EXPECT_TRUE(ParseMountTable("").empty());
  EXPECT_TRUE(
      ParseMountTable("a\n\n- - - -\n1 2 3:4 / /a rw -\n1 2 3:4 / /a rw - tmpfs\n").empty());
  EXPECT_TRUE(ParseMountTable("1 2 3:4 / /a - tmpfs none rw").empty());
}

TEST(MountTableTest, FindsTheRootOfThisProcess) {
  const auto mounts = ReadMountTable();
  ASSERT_TRUE(mounts.ok()) << mounts.status();
  EXPECT_TRUE(absl::c_any_of(*mounts, [](const Mount& mount) { return mount.mount_point == "/"; }));
}

}  // namespace
}  // namespace mayfly
