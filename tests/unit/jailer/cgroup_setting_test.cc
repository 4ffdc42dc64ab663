// ParseCgroupSetting and CheckParentCgroup.

#include "jailer/cgroup_setting.h"

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(CgroupSettingTest, TakesFileAndValueApart) {
  const auto setting = ParseCgroupSetting("cpu.max=50000 100000");
  ASSERT_TRUE(setting.ok()) << setting.status();
  EXPECT_EQ(setting->controller, "cpu");
  EXPECT_EQ(setting->file, "cpu.max");
  EXPECT_EQ(setting->value, "50000 100000");
}

TEST(CgroupSettingTest, SplitsAtTheFirstEqualsSignAndTheFirstDot) {
  const auto setting = ParseCgroupSetting("hugetlb.2MB.max=a=b.c");
  ASSERT_TRUE(setting.ok()) << setting.status();
  EXPECT_EQ(setting->controller, "hugetlb");
  EXPECT_EQ(setting->file, "hugetlb.2MB.max");
  EXPECT_EQ(setting->value, "a=b.c");
}

TEST(CgroupSettingTest, RefusesOtherForms) {
  for (const char* text : {"", "=", "cpu", "cpu=1", "cpu.shares", "cpu.shares=", ".shares=1",
                           "cpu.=1", "../cpu.shares=1", "cpu/../x.y=1", "cpu.a b=1"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseCgroupSetting(text).status())) << text;
  }
}

TEST(CgroupSettingTest, ParentStaysBelowTheTop) {
  for (const char* path : {"a", "a/b", "a/b/", "..a"}) {
    EXPECT_TRUE(CheckParentCgroup(path).ok()) << path;
  }
  for (const char* path : {"", "/", "/a", ".", "..", "a/..", "a/./b", "../a"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckParentCgroup(path))) << path;
  }
}

}  // namespace
}  // namespace mayfly
