// ParseDiskFlag, ParseNetFlag: every setting, defaults, refusals.

#include "api/device_flags.h"

#include <string>

#include "api/limiter_schema.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(DiskFlagTest, DefaultsAreADurableWritableDisk) {
  const auto disk = ParseDiskFlag("path=root.img");
  ASSERT_TRUE(disk.ok()) << disk.status();
  EXPECT_EQ(disk->drive_id, "disk root.img");
  EXPECT_EQ(disk->path_on_host, "root.img");
  EXPECT_FALSE(disk->is_read_only);
  EXPECT_FALSE(disk->direct);
  EXPECT_EQ(disk->cache_type, CacheType::kWriteback);
  EXPECT_TRUE(disk->discard);
  EXPECT_EQ(disk->num_queues, 0u);
  EXPECT_EQ(disk->serial, "");
  EXPECT_FALSE(LimiterConfigOf(disk->rate_limiter).bandwidth.is_enabled());
  EXPECT_FALSE(LimiterConfigOf(disk->rate_limiter).ops.is_enabled());
}

TEST(DiskFlagTest, TakesEverySetting) {
  const auto disk = ParseDiskFlag(
      "ro,path=a,,b,direct,cache=Unsafe,id=data-1,queues=3,nodiscard,bandwidth=1048576/500/7,"
      "ops=100");
  ASSERT_TRUE(disk.ok()) << disk.status();
  EXPECT_EQ(disk->drive_id, "disk data-1");
  EXPECT_EQ(disk->path_on_host, "a,b");
  EXPECT_TRUE(disk->is_read_only);
  EXPECT_TRUE(disk->direct);
  EXPECT_EQ(disk->cache_type, CacheType::kUnsafe);
  EXPECT_FALSE(disk->discard);
  EXPECT_EQ(disk->num_queues, 3u);
  EXPECT_EQ(disk->serial, "data-1");
  EXPECT_EQ(disk->rate_limiter->bandwidth->size, 1048576u);
  EXPECT_EQ(disk->rate_limiter->bandwidth->refill_time_ms, 500u);
  EXPECT_EQ(disk->rate_limiter->bandwidth->one_time_burst, 7u);
  EXPECT_EQ(disk->rate_limiter->ops->size, 100u);
  EXPECT_EQ(disk->rate_limiter->ops->refill_time_ms, 1000u);
}

struct Refusal {
  const char* text;
  const char* message;
};

TEST(DiskFlagTest, RefusalsNameTheSetting) {
  const Refusal refusals[] = {
      {"", "'' is not a setting of it"},
      {"ro", "'path' is missing"},
      {"path", "'path' needs a value"},
      {"path=", "'path' needs a value"},
      {"path=a,", "'' is not a setting of it"},
      {"path=a,path=b", "'path' is given twice"},
      {"path=a,ro=1", "'ro' takes no value"},
      {"path=a,cache=writeback", "cache: must be Unsafe or Writeback, not 'writeback'"},
      {"path=a,queues=0", "queues: must be a number from 1 to 32, not '0'"},
      {"path=a,id=123456789012345678901", "id: must have at most 20 bytes"},
      {"path=a,ops=0", "ops: must be a number from 1 to 9223372036854775807, not '0'"},
      {"path=a,ops=1/2/3/4", "ops: must be AMOUNT[/REFILL_MS[/BURST]], not '1/2/3/4'"},
      {"path=a,bandwidth=1/x",
       "bandwidth: must be a number from 1 to 9223372036854775807, not 'x'"},
  };
  for (const Refusal& refusal : refusals) {
    EXPECT_EQ(ParseDiskFlag(refusal.text).status().message(), refusal.message) << refusal.text;
  }
}

TEST(NetFlagTest, TakesEverySetting) {
  const auto net = ParseNetFlag(
      "tap=tap7,mac=06:00:AC:10:00:02,mtu=9000,rx-bandwidth=1,rx-ops=2,tx-bandwidth=3,tx-ops=4/5");
  ASSERT_TRUE(net.ok()) << net.status();
  EXPECT_EQ(net->iface_id, "network card on tap7");
  EXPECT_EQ(net->host_dev_name, "tap7");
  EXPECT_EQ(net->tap_fd, -1);
  EXPECT_EQ(net->guest_mac, (MacAddress{6, 0, 0xac, 0x10, 0, 2}));
  EXPECT_EQ(net->mtu, 9000);
  EXPECT_EQ(net->rx_rate_limiter->bandwidth->size, 1u);
  EXPECT_EQ(net->rx_rate_limiter->ops->size, 2u);
  EXPECT_EQ(net->tx_rate_limiter->bandwidth->size, 3u);
  EXPECT_EQ(net->tx_rate_limiter->ops->refill_time_ms, 5u);
}

TEST(NetFlagTest, WithoutMacAndMtuTheGuestHearsOfNone) {
  const auto net = ParseNetFlag("fd=9");
  ASSERT_TRUE(net.ok()) << net.status();
  EXPECT_EQ(net->tap_fd, 9);
  EXPECT_EQ(net->guest_mac, std::nullopt);
  EXPECT_EQ(net->mtu, std::nullopt);
}

TEST(NetFlagTest, RefusalsNameTheSetting) {
  const Refusal refusals[] = {
      {"mtu=1500", "needs either 'tap' or 'fd'"},
      {"tap=a,fd=5", "needs either 'tap' or 'fd'"},
      {"fd=2", "fd: must be a number from 3 to 2147483647, not '2'"},
      {"tap=a,mtu=67", "mtu: must be a number from 68 to 65535, not '67'"},
      {"tap=a,mac=0", "mac: '0' is not a MAC address such as 06:00:ac:10:00:02"},
      {"tap=a,mac=06:00:ac:10:00:+2",
       "mac: '06:00:ac:10:00:+2' is not a MAC address such as 06:00:ac:10:00:02"},
      {"tap=a,mac=01:00:00:00:00:01", "mac: '01:00:00:00:00:01' is a group address"},
      {"tap=a,ro", "'ro' is not a setting of it"},
  };
  for (const Refusal& refusal : refusals) {
    EXPECT_EQ(ParseNetFlag(refusal.text).status().message(), refusal.message) << refusal.text;
  }
}

}  // namespace
}  // namespace mayfly
