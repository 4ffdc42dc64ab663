// MmdsSettings from and to JSON.

#include "api/mmds_settings.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(MmdsSettingsTest, IsTheFirstVersionWhenNothingElseIsSaid) {
  const auto config = DecodeJson(R"({"network_interfaces":[]})", MmdsSettingsSchema());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->version, MmdsConfig::Version::kV1);
  EXPECT_TRUE(config->network_interfaces.empty());
  EXPECT_FALSE(config->imds_compat);
  EXPECT_EQ(
      MmdsSettingsToJson(*config).dump(),
      R"({"version":"V1","network_interfaces":[],"ipv4_address":"169.254.169.254","imds_compat":false})");
}

TEST(MmdsSettingsTest, TakesEveryField) {
  constexpr char kText[] =
      R"({"version":"V2","network_interfaces":["a","b"],"ipv4_address":"169.254.1.1",)"
      R"("imds_compat":true})";
  const auto config = DecodeJson(kText, MmdsSettingsSchema());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->version, MmdsConfig::Version::kV2);
  EXPECT_THAT(config->network_interfaces, testing::ElementsAre("a", "b"));
  EXPECT_EQ(config->ipv4_address, 0xa9fe0101u);
  EXPECT_TRUE(config->imds_compat);
  EXPECT_EQ(MmdsSettingsToJson(*config).dump(), kText);
}

TEST(MmdsSettingsTest, SaysWhatIsWrong) {
  EXPECT_EQ(DecodeJson("{}", MmdsSettingsSchema()).status().message(),
            "missing field `network_interfaces` at line 1 column 2");
  EXPECT_EQ(DecodeJson(R"({"version":"V3"})", MmdsSettingsSchema()).status().message(),
            "unknown variant `V3`, expected `V1` or `V2` at line 1 column 15");
  EXPECT_EQ(DecodeJson(R"({"network_interfaces":[],"ipv4_address":"1.2.3"})", MmdsSettingsSchema())
                .status()
                .message(),
            "invalid IPv4 address syntax at line 1 column 48");
  EXPECT_EQ(DecodeJson(R"({"network_interfaces":"a"})", MmdsSettingsSchema()).status().message(),
            "invalid type: string \"a\", expected a sequence at line 1 column 25");
}

}  // namespace
}  // namespace mayfly
