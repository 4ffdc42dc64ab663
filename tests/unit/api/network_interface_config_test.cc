// NetworkInterfaceConfig and NetworkInterfaceUpdate: network cards from and to JSON.

#include "api/network_interface_config.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(NetworkInterfaceConfigTest, NeedsAnIdAndATap) {
  const auto config =
      DecodeJson(R"({"iface_id":"eth0","host_dev_name":"tap0"})", NetworkInterfaceSchema());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->iface_id, "eth0");
  EXPECT_EQ(config->host_dev_name, "tap0");
  EXPECT_EQ(config->guest_mac, std::nullopt);
  EXPECT_EQ(config->tap_fd, -1);
  EXPECT_EQ(NetworkInterfaceToJson(*config).dump(),
            R"({"iface_id":"eth0","host_dev_name":"tap0","guest_mac":null,"mtu":null,)"
            R"("rx_rate_limiter":null,"tx_rate_limiter":null})");
  EXPECT_EQ(DecodeJson(R"({"iface_id":"e"})", NetworkInterfaceSchema()).status().message(),
            "missing field `host_dev_name` at line 1 column 16");
}

TEST(NetworkInterfaceConfigTest, ShowsEveryFieldThatWasSet) {
  const auto config = DecodeJson(
      R"({"iface_id":"e","host_dev_name":"t","guest_mac":"06:00:AC:10:00:02","mtu":1400,)"
      R"("rx_rate_limiter":{"ops":{"size":1,"refill_time":2}},)"
      R"("tx_rate_limiter":{"bandwidth":{"size":3,"refill_time":4}}})",
      NetworkInterfaceSchema());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->guest_mac, (MacAddress{6, 0, 0xac, 0x10, 0, 2}));
  EXPECT_EQ(config->mtu, 1400);
  EXPECT_EQ(NetworkInterfaceToJson(*config).dump(),
            R"({"iface_id":"e","host_dev_name":"t","guest_mac":"06:00:ac:10:00:02","mtu":1400,)"
            R"("rx_rate_limiter":{"bandwidth":null,)"
            R"("ops":{"size":1,"one_time_burst":null,"refill_time":2}},)"
            R"("tx_rate_limiter":{"bandwidth":{"size":3,"one_time_burst":null,"refill_time":4},)"
            R"("ops":null}})");
}

TEST(NetworkInterfaceConfigTest, SaysWhatIsWrong) {
  EXPECT_EQ(DecodeJson(R"({"iface_id":"e","guest_mac":"06:00"})", NetworkInterfaceSchema())
                .status()
                .message(),
            "The provided MAC address is invalid. at line 1 column 36");
  EXPECT_EQ(DecodeJson(R"({"mtu":65536})", NetworkInterfaceSchema()).status().message(),
            "invalid value: integer `65536`, expected u16 at line 1 column 12");
  EXPECT_EQ(DecodeJson(R"({"tap_fd":3})", NetworkInterfaceSchema()).status().message(),
            "unknown field `tap_fd`, expected one of `iface_id`, `host_dev_name`, `guest_mac`, "
            "`rx_rate_limiter`, `tx_rate_limiter`, `mtu` at line 1 column 9");
}

TEST(NetworkInterfaceUpdateTest, HasRatesOnly) {
  const auto update =
      DecodeJson(R"({"iface_id":"e","tx_rate_limiter":{"ops":{"size":0,"refill_time":0}}})",
                 NetworkInterfaceUpdateSchema());
  ASSERT_TRUE(update.ok()) << update.status();
  EXPECT_EQ(update->iface_id, "e");
  EXPECT_FALSE(update->rx_rate_limiter.has_value());
  EXPECT_FALSE(update->tx_rate_limiter->ops->is_enabled());
  EXPECT_EQ(DecodeJson(R"({"mtu":1})", NetworkInterfaceUpdateSchema()).status().message(),
            "unknown field `mtu`, expected one of `iface_id`, `rx_rate_limiter`, "
            "`tx_rate_limiter` at line 1 column 6");
}

TEST(MacAddressTextTest, HasTwoSmallDigitsAByte) {
  EXPECT_EQ(MacAddressText({0, 1, 0xab, 0xcd, 0x0e, 0xff}), "00:01:ab:cd:0e:ff");
}

}  // namespace
}  // namespace mayfly
