// Version 2: hosts without. Joining is tested in tests/jailer.

#include "jailer/cgroup_v2.h"

#include "gtest/gtest.h"
#include "jailer/mount_table.h"

namespace mayfly {
namespace {

TEST(CgroupV2Test, SaysThatTheHostHasNone) {
  Rollback rollback;
  const absl::Status status =
      JoinCgroupV2(CgroupMounts({}), {{.controller = "cpu", .file = "cpu.weight", .value = "1"}},
                   {.parent = "a", .id = "b"}, rollback);
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_EQ(status.message(), "Failed to find control groups of version 2: none are mounted");
  EXPECT_TRUE(absl::IsNotFound(JoinParentCgroupV2(CgroupMounts({}), "a", rollback)));
}

TEST(CgroupV2Test, NothingIsJoinedWithoutAGroupOfThatName) {
  const CgroupMounts mounts(*ReadMountTable());
  if (!mounts.unified()) {
    GTEST_SKIP() << "this host has no control groups of version 2";
  }
  Rollback rollback;
  const absl::Status status =
      JoinParentCgroupV2(mounts, "there-is-no/group-of-this-name", rollback);
  EXPECT_TRUE(status.ok()) << status;
}

TEST(CgroupV2Test, RefusesControllersThatTheHostHasNot) {
  const CgroupMounts mounts(*ReadMountTable());
  if (!mounts.unified()) {
    GTEST_SKIP() << "this host has no control groups of version 2";
  }
  Rollback rollback;
  const absl::Status status =
      JoinCgroupV2(mounts, {{.controller = "foo", .file = "foo.bar", .value = "1"}},
                   {.parent = "a", .id = "b"}, rollback);
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
}

}  // namespace
}  // namespace mayfly
