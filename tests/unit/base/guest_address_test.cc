// Guest addresses do not wrap.

#include "base/guest_address.h"

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(GuestAddressTest, AdditionIsChecked) {
  EXPECT_EQ(GuestAddress(1).CheckedAdd(2), GuestAddress(3));
  EXPECT_EQ(GuestAddress(UINT64_MAX).CheckedAdd(1), std::nullopt);
}

TEST(GuestAddressTest, RangeEndIsChecked) {
  EXPECT_EQ((GuestRange{GuestAddress(0x1000), 0x1000}.end()), GuestAddress(0x2000));
  EXPECT_EQ((GuestRange{GuestAddress(UINT64_MAX), 2}.end()), std::nullopt);
}

}  // namespace
}  // namespace mayfly
