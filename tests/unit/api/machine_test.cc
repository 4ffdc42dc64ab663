// AddMetadataService: which cards lead to the metadata service, and how it is set.

#include "api/machine.h"

#include <memory>

#include "base/clock.h"
#include "gtest/gtest.h"
#include "tests/fakes/network_namespace.h"

namespace mayfly {
namespace {

class MachineTest : public testing::Test {
 protected:
  void SetUp() override {
    auto loop = EventLoop::Create({});
    ASSERT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
    auto mmds = Mmds::Create("vm-1");
    ASSERT_TRUE(mmds.ok()) << mmds.status();
    mmds_ = *std::move(mmds);
  }

  MachineEnvironment Environment() {
    return {
        .loop = loop_.get(), .mmds = mmds_.get(), .resources = &resources_, .timeline = &timeline_};
  }

  PhaseTimeline timeline_{MonotonicTimeUs()};
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<Mmds> mmds_;
  VmResources resources_{Tap::Missing::kIsCreated};
};

TEST_F(MachineTest, WithoutSettingsNoCardLeadsThere) {
  MicroVmConfig config;
  config.networks.emplace_back().name = "a";
  ASSERT_TRUE(AddMetadataService(Environment(), config).ok());
  EXPECT_FALSE(config.networks[0].make_detour);
  MachineEnvironment without = Environment();
  without.mmds = nullptr;
  EXPECT_TRUE(AddMetadataService(without, config).ok());
}

TEST_F(MachineTest, TheCardsThatAreNamedLeadThere) {
  const std::string reason = NetworkNamespace::Run([this] {
    ASSERT_TRUE(resources_.SetNetwork({.iface_id = "a", .host_dev_name = "tap_a"}).ok());
    ASSERT_TRUE(resources_.SetNetwork({.iface_id = "b", .host_dev_name = "tap_b"}).ok());
    ASSERT_TRUE(resources_
                    .SetMmds({.version = MmdsConfig::Version::kV2,
                              .network_interfaces = {"b"},
                              .imds_compat = true})
                    .ok());
    auto config = resources_.BuildVmConfig();
    ASSERT_TRUE(config.ok()) << config.status();
    ASSERT_TRUE(AddMetadataService(Environment(), *config).ok());
    EXPECT_FALSE(config->networks[0].make_detour);
    ASSERT_TRUE(config->networks[1].make_detour);
    EXPECT_EQ(mmds_->config().version, MmdsConfig::Version::kV2);
    EXPECT_EQ(mmds_->config().ipv4, MmdsConfig::kDefaultIpv4);
    EXPECT_TRUE(mmds_->config().is_imds_compatible);
  });
  if (!reason.empty()) {
    GTEST_SKIP() << reason;
  }
}

}  // namespace
}  // namespace mayfly
