// ParseConfigFile: the requests of a configuration file, their order, and what is refused.

#include "api/config_file.h"

#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"

namespace mayfly {
namespace {

using testing::HasSubstr;

constexpr char kSmallest[] = R"("boot-source":{"kernel_image_path":"k"},"drives":[])";

std::string With(const std::string& more) { return absl::StrCat("{", kSmallest, ",", more, "}"); }

template <typename T>
const T& Get(const std::vector<ApiRequest>& requests, size_t index) {
  return std::get<T>(requests.at(index));
}

TEST(ConfigFileTest, TheSmallestIsABootSource) {
  const auto requests = ParseConfigFile(absl::StrCat("{", kSmallest, "}"));
  ASSERT_TRUE(requests.ok()) << requests.status();
  ASSERT_EQ(requests->size(), 1u);
  EXPECT_EQ(Get<PutBootSource>(*requests, 0).config.kernel_image_path, "k");
}

TEST(ConfigFileTest, RequestsComeInTheOrderOfTheirUse) {
  const auto requests = ParseConfigFile(R"({
    "mmds-config": {"network_interfaces": ["n"]},
    "network-interfaces": [{"iface_id": "n", "host_dev_name": "t"}],
    "drives": [{"drive_id": "a", "is_root_device": true, "path_on_host": "a.img"},
               {"drive_id": "b", "is_root_device": false, "path_on_host": "b.img"}],
    "boot-source": {"kernel_image_path": "k"},
    "cpu-config": {"kvm_capabilities": ["1"]},
    "machine-config": {"vcpu_count": 2, "mem_size_mib": 256},
    "metrics": {"metrics_path": "m"},
    "logger": {"log_path": "l"},
    "comment": "unknown keys are nobody's business here"
  })");
  ASSERT_TRUE(requests.ok()) << requests.status();
  ASSERT_EQ(requests->size(), 9u);
  EXPECT_EQ(Get<PutLogger>(*requests, 0).config.log_path, "l");
  EXPECT_EQ(Get<PutMetrics>(*requests, 1).config.metrics_path, "m");
  EXPECT_EQ(Get<PutMachineConfig>(*requests, 2).config.vcpu_count, 2);
  EXPECT_THAT(Get<PutCpuConfig>(*requests, 3).config.kvm_capabilities, testing::ElementsAre("1"));
  EXPECT_EQ(Get<PutBootSource>(*requests, 4).config.kernel_image_path, "k");
  EXPECT_EQ(Get<PutDrive>(*requests, 5).config.drive_id, "a");
  EXPECT_EQ(Get<PutDrive>(*requests, 6).config.drive_id, "b");
  EXPECT_EQ(Get<PutNetworkInterface>(*requests, 7).config.iface_id, "n");
  EXPECT_THAT(Get<PutMmdsConfig>(*requests, 8).config.network_interfaces,
              testing::ElementsAre("n"));
}

TEST(ConfigFileTest, ACpuTemplateMayStandInAFileOfItsOwn) {
  const std::string text = R"({"msr_modifiers":[{"addr":"0x10","bitmap":"1"}]})";
  const TemporaryFile file(std::vector<uint8_t>(text.begin(), text.end()));
  const auto requests = ParseConfigFile(With(absl::StrCat(R"("cpu-config":")", file.path(), "\"")));
  ASSERT_TRUE(requests.ok()) << requests.status();
  EXPECT_EQ(Get<PutCpuConfig>(*requests, 0).config.msr_modifiers.at(0).address, "0x10");

  const TemporaryFile broken(std::vector<uint8_t>(text.begin(), text.end() - 1));
  EXPECT_THAT(ParseConfigFile(With(absl::StrCat(R"("cpu-config":")", broken.path(), "\"")))
                  .status()
                  .message(),
              HasSubstr(broken.path() + ": EOF while parsing an object at line 1"));
  EXPECT_THAT(ParseConfigFile(With(R"("cpu-config":"/no/such/file")")).status().message(),
              HasSubstr("/no/such/file"));
}

TEST(ConfigFileTest, OptionalKeysMayBeNull) {
  const auto requests = ParseConfigFile(
      With(R"("logger":null,"metrics":null,"machine-config":null,"cpu-config":null,)"
           R"("mmds-config":null,"network-interfaces":null,"balloon":null,"vsock":null,)"
           R"("entropy":null,"pmem":[],"memory-hotplug":null)"));
  ASSERT_TRUE(requests.ok()) << requests.status();
  EXPECT_EQ(requests->size(), 1u);
}

TEST(ConfigFileTest, DevicesThatAreNotThereAreRefused) {
  struct Case {
    const char* text;
    const char* device;
  };
  const Case cases[] = {{R"("balloon":{"amount_mib":1})", "virtio-balloon"},
                        {R"("vsock":{})", "virtio-vsock"},
                        {R"("entropy":{})", "virtio-rng"},
                        {R"("pmem":[{"id":"p"}])", "virtio-pmem"},
                        {R"("memory-hotplug":{"total_size_mib":1})", "virtio-mem"}};
  for (const Case& one : cases) {
    EXPECT_EQ(ParseConfigFile(With(one.text)).status().message(),
              absl::StrCat("The requested operation is not supported: ", one.device, " device."));
  }
}

TEST(ConfigFileTest, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(ParseConfigFile("").status().message(), "EOF while parsing a value at line 1 column 0");
  EXPECT_EQ(ParseConfigFile("[]").status().message(),
            "invalid type: sequence, expected struct VmmConfig at line 1 column 0");
  EXPECT_EQ(ParseConfigFile(R"({"boot-source":{"kernel_image_path":"k"}})").status().message(),
            "missing field `drives` at line 1 column 41");
  EXPECT_EQ(ParseConfigFile("{\"drives\":[]\n}").status().message(),
            "missing field `boot-source` at line 2 column 1");
  EXPECT_EQ(ParseConfigFile(R"({"drives":[{}]})").status().message(),
            "missing field `drive_id` at line 1 column 13");
}

}  // namespace
}  // namespace mayfly
