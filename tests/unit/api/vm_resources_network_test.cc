// VmResources: network cards and the metadata service, on TAPs of a network of the test's own.

#include <linux/if_tun.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/fault.h"
#include "api/vm_resources.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/network_namespace.h"
#include "tests/unit/api/vm_resources_fixture.h"

namespace mayfly {
namespace {

using testing::ElementsAre;

// The same in a network of the test's own, where TAPs are made as they are named.
class VmResourcesNetworkTest : public VmResourcesTest {
 protected:
  static NetworkInterfaceConfig Card(const std::string& id, const std::string& tap,
                                     std::optional<MacAddress> mac = std::nullopt) {
    return {.iface_id = id, .host_dev_name = tap, .guest_mac = mac};
  }

  std::vector<std::string> CardIds() const {
    return Ids(resources_, "network-interfaces", "iface_id");
  }

  static void RunOrSkip(const std::function<void()>& function) {
    const std::string reason = NetworkNamespace::Run(function);
    if (!reason.empty()) {
      GTEST_SKIP() << reason;
    }
  }
};

TEST_F(VmResourcesNetworkTest, ACardThatIsReplacedGoesToTheEnd) {
  RunOrSkip([this] {
    for (const char* id : {"a", "b", "c"}) {
      ASSERT_TRUE(resources_.SetNetwork(Card(id, absl::StrCat("tap_", id))).ok());
    }
    EXPECT_THAT(CardIds(), ElementsAre("a", "b", "c"));
    // With the TAP it has, which is free for it then.
    ASSERT_TRUE(resources_.SetNetwork(Card("a", "tap_a")).ok());
    EXPECT_THAT(CardIds(), ElementsAre("c", "b", "a"));
    ASSERT_TRUE(resources_.SetNetwork(Card("a", "tap_d")).ok());
    EXPECT_THAT(CardIds(), ElementsAre("c", "b", "a"));
    EXPECT_NE(if_nametoindex("tap_d"), 0u);
    EXPECT_EQ(if_nametoindex("tap_a"), 0u);
  });
}

TEST_F(VmResourcesNetworkTest, WrongCardsAreRefusedAtOnce) {
  RunOrSkip([this] {
    const MacAddress mac = {6, 0, 0, 0, 0, 1};
    ASSERT_TRUE(resources_.SetNetwork(Card("a", "tap0", mac)).ok());
    EXPECT_EQ(resources_.SetNetwork(Card("b", "tap1", mac)).message(),
              "Network config error: The MAC address is already in use: 06:00:00:00:00:01");
    EXPECT_TRUE(resources_.SetNetwork(Card("a", "tap0", mac)).ok());
    const std::string prefix = "Network config error: Could not create the network device: ";
    NetworkInterfaceConfig small = Card("b", "tap1");
    small.mtu = 67;
    EXPECT_EQ(resources_.SetNetwork(small).message(),
              absl::StrCat(prefix, "MTU 67 is out of range [68, 65535]"));
    EXPECT_EQ(resources_.SetNetwork(Card("b", "tap0")).message(),
              absl::StrCat(prefix,
                           "Open tap device failed: Error while creating ifreq structure: "
                           "Resource busy (os error 16). Invalid TUN/TAP Backend provided by "
                           "tap0. Check our documentation on setting up the network devices."));
    NetworkNamespace::AddTap("tap1", IFF_MULTI_QUEUE);
    EXPECT_EQ(resources_.SetNetwork(Card("b", "tap1")).message(),
              absl::StrCat(prefix,
                           "Open tap device failed: Error while creating ifreq structure: Invalid "
                           "argument (os error 22). Invalid TUN/TAP Backend provided by tap1. "
                           "Check our documentation on setting up the network devices."));
    EXPECT_THAT(CardIds(), ElementsAre("a"));
  });
}

TEST_F(VmResourcesNetworkTest, BuildsItsCards) {
  RunOrSkip([this] {
    const MacAddress mac = {6, 0, 0, 0, 0, 1};
    NetworkInterfaceConfig card = Card("eth0", "tap0", mac);
    card.mtu = 1400;
    card.tx_rate_limiter =
        RateLimiterUpdate{.bandwidth = TokenBucketConfig{.size = 3, .refill_time_ms = 4}};
    ASSERT_TRUE(resources_.SetNetwork(card).ok());
    const auto config = resources_.BuildVmConfig();
    ASSERT_TRUE(config.ok()) << config.status();
    ASSERT_EQ(config->networks.size(), 1u);
    const NetworkConfig& network = config->networks[0];
    EXPECT_EQ(network.name, "eth0");
    ASSERT_NE(network.tap, nullptr);
    EXPECT_EQ(network.tap->name(), "tap0");
    EXPECT_EQ(network.options.mac, mac);
    EXPECT_EQ(network.options.mtu, 1400);
    EXPECT_FALSE(network.options.rx_rate_limiter.bandwidth.is_enabled());
    EXPECT_EQ(network.options.tx_rate_limiter.bandwidth.size, 3u);
  });
}

TEST_F(VmResourcesNetworkTest, UpdatesOfARunningVmsCardAreShown) {
  RunOrSkip([this] {
    ASSERT_TRUE(resources_.SetNetwork(Card("eth0", "tap0")).ok());
    resources_.CloseFiles();
    EXPECT_EQ(if_nametoindex("tap0"), 0u);
    resources_.RecordNetworkUpdate({.iface_id = "eth0",
                                    .rx_rate_limiter = RateLimiterUpdate{
                                        .ops = TokenBucketConfig{.size = 1, .refill_time_ms = 2}}});
    const auto card = resources_.ToJson()["network-interfaces"][0];
    EXPECT_EQ(card["rx_rate_limiter"]["ops"]["size"], 1);
    EXPECT_TRUE(card["tx_rate_limiter"].is_null());
  });
}

TEST_F(VmResourcesNetworkTest, MetadataHasAnAddressAndCards) {
  RunOrSkip([this] {
    ASSERT_TRUE(resources_.SetNetwork(Card("eth0", "tap0")).ok());
    EXPECT_EQ(resources_.SetMmds({.network_interfaces = {"eth0", "eth1"}}).message(),
              "MMMDS config error: The list of network interface IDs provided contains at least "
              "one ID that does not correspond to any existing network interface.");
    for (const uint32_t address : {0xa9fe00ffu, 0xa9feff00u, 0x0a000001u}) {
      EXPECT_EQ(
          resources_.SetMmds({.network_interfaces = {"eth0"}, .ipv4_address = address}).message(),
          "MMMDS config error: The MMDS IPv4 address is not link local.");
    }
    ASSERT_TRUE(
        resources_.SetMmds({.version = MmdsConfig::Version::kV2, .network_interfaces = {"eth0"}})
            .ok());
    EXPECT_EQ(resources_.ToJson()["mmds-config"].dump(),
              R"({"version":"V2","network_interfaces":["eth0"],)"
              R"("ipv4_address":"169.254.169.254","imds_compat":false})");
  });
}

}  // namespace
}  // namespace mayfly
