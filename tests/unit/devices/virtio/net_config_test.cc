// ParseMacAddress, the features of a card, and its configuration space.

#include "devices/virtio/net_config.h"

#include <linux/if_tun.h>

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(ParseMacAddressTest, TakesSixPairsOfDigits) {
  const auto mac = ParseMacAddress("06:00:aC:10:00:ff");
  ASSERT_TRUE(mac.ok()) << mac.status();
  EXPECT_EQ(*mac, (MacAddress{0x06, 0x00, 0xac, 0x10, 0x00, 0xff}));
}

TEST(ParseMacAddressTest, RefusesEverythingElse) {
  for (const char* text :
       {"", "06:00:ac:10:00", "06:00:ac:10:00:02:03", "06-00-ac-10-00-02", "6:0:ac:10:0:2",
        "06:00:ac:10:00:0g", "06:00:ac:10:00:+2", "06:00:ac:10:00: 2", "06:00:ac:10:00:02 ",
        "0x6:00:ac:10:00:02", "06:00:ac:10:00:002", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff"}) {
    EXPECT_EQ(ParseMacAddress(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(NetFeaturesTest, FollowWhatTheCardHas) {
  const uint64_t plain = NetFeatures(false, false, false);
  EXPECT_EQ(plain & (kNetFeatureMac | kNetFeatureMtu | kNetFeatureHostUso), 0u);
  EXPECT_NE(plain & kNetFeatureMergeableBuffers, 0u);
  EXPECT_NE(plain & kNetFeatureStatus, 0u);
  EXPECT_EQ(NetFeatures(true, false, false), plain | 1u << 5);
  EXPECT_EQ(NetFeatures(false, true, false), plain | 1u << 3);
  EXPECT_EQ(NetFeatures(false, false, true), plain | uint64_t{7} << 54);
  // No control queue, and nothing that needs one.
  EXPECT_EQ(plain & (1u << 17 | 1u << 2 | 1u << 21 | 1u << 22), 0u);
}

TEST(TunOffloadsTest, AreWhatTheDriverTook) {
  EXPECT_EQ(TunOffloads(0), 0u);
  EXPECT_EQ(TunOffloads(kNetFeatureGuestCsum), unsigned{TUN_F_CSUM});
  EXPECT_EQ(TunOffloads(kNetFeatureGuestCsum | kNetFeatureGuestTso4), TUN_F_CSUM | TUN_F_TSO4);
  EXPECT_EQ(TunOffloads(kNetFeatureGuestCsum | kNetFeatureGuestTso6 | kNetFeatureGuestEcn),
            TUN_F_CSUM | TUN_F_TSO6 | TUN_F_TSO_ECN);
  // What the guest sends is not its to limit here.
  EXPECT_EQ(TunOffloads(kNetFeatureCsum | kNetFeatureHostTso4), 0u);
}

// 5.1.3.1: each needs another; a driver that takes it alone gets none.
TEST(TunOffloadsTest, LeaveOutWhatLacksItsCondition) {
  EXPECT_EQ(TunOffloads(kNetFeatureGuestTso4 | kNetFeatureGuestUfo), 0u);
  EXPECT_EQ(TunOffloads(kNetFeatureGuestCsum | kNetFeatureGuestEcn), unsigned{TUN_F_CSUM});
  EXPECT_EQ(TunOffloads(kNetFeatureGuestCsum | kNetFeatureGuestUso4), unsigned{TUN_F_CSUM});
  EXPECT_EQ(TunOffloads(kNetFeatureGuestCsum | kNetFeatureGuestUso4 | kNetFeatureGuestUso6),
            TunUsoOffloads());
}

TEST(NetConfigBytesTest, HaveEveryFieldInItsPlace) {
  EXPECT_EQ(NetConfigBytes(MacAddress{1, 2, 3, 4, 5, 6}, 0x1234, true),
            (std::vector<uint8_t>{1, 2, 3, 4, 5, 6, 1, 0, 1, 0, 0x34, 0x12}));
  EXPECT_EQ(NetConfigBytes(std::nullopt, std::nullopt, false),
            (std::vector<uint8_t>{0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}));
}

}  // namespace
}  // namespace mayfly
