// FindMiscDevice: lines of /proc/misc.

#include "jailer/misc_device.h"

#include "gtest/gtest.h"

namespace mayfly {
namespace {

constexpr char kText[] = "234 btrfs-control\n125 userfaultfd\n  7 ecryptfs\nx y\n232 kvm\n";

TEST(MiscDeviceTest, FindsTheNumber) {
  EXPECT_EQ(FindMiscDevice(kText, "userfaultfd"), 125U);
  EXPECT_EQ(FindMiscDevice(kText, "ecryptfs"), 7U);
  EXPECT_EQ(FindMiscDevice(kText, "kvm"), 232U);
}

TEST(MiscDeviceTest, IsEmptyWhereThereIsNone) {
  EXPECT_EQ(FindMiscDevice(kText, "tun"), std::nullopt);
  EXPECT_EQ(FindMiscDevice(kText, "y"), std::nullopt);
  EXPECT_EQ(FindMiscDevice("", "kvm"), std::nullopt);
  EXPECT_EQ(FindMiscDevice("no such device"), std::nullopt);
}

}  // namespace
}  // namespace mayfly
