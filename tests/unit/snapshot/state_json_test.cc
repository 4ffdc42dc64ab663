// What people see of a state.

#include "snapshot/state_json.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/example_state.h"

namespace mayfly {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json ConfigOf(const std::string& text) {
  SnapshotState state = ExampleState();
  state.config_json = text;
  return StateToJson(StateVersion(), state)["config"];
}

TEST(StateJsonTest, TellsWhatTheSnapshotIs) {
  const Json json = StateToJson({.major = 1, .minor = 7}, ExampleState());
  EXPECT_EQ(json["version"], "1.7.0");
  EXPECT_EQ(json["mayfly_version"], "0.9.0-example");
  EXPECT_EQ(json["id"], "fedcba98765432100123456789abcdef");
  EXPECT_EQ(json["created_unix_s"], 1'700'000'001);
  EXPECT_EQ(json["host_cpu"]["vendor"], "ExampleVendor");
  EXPECT_EQ(json["host_cpu"]["signature"], "0x906ea");
  EXPECT_EQ(json["memory_bytes"], uint64_t{4} << 30);
  EXPECT_EQ(json["memory_regions"].size(), 2u);
  EXPECT_EQ(json["memory_regions"][1]["start"], "0x100000000");
  EXPECT_EQ(json["memory_regions"][1]["size_bytes"], uint64_t{1} << 30);
  EXPECT_EQ(json["clock_ns"], 123'456'789'012);
  EXPECT_EQ(json["has_realtime"], true);
  EXPECT_EQ(json["config"]["machine-config"]["vcpu_count"], 2);
}

TEST(StateJsonTest, TellsOfVcpus) {
  SnapshotState state = ExampleState();
  VcpuState& vcpu = state.vm.vcpus[0];
  vcpu.regs.rip = 0x1000;
  vcpu.regs.r15 = 0xf;
  vcpu.sregs.cr3 = 0x2000;
  const Json json = StateToJson(StateVersion(), state)["vcpus"];
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["regs"]["rip"], "0x1000");
  EXPECT_EQ(json[0]["regs"]["r15"], "0xf");
  EXPECT_EQ(json[0]["regs"].size(), 18u);
  EXPECT_EQ(json[0]["cr3"], "0x2000");
  EXPECT_EQ(json[0]["tsc_khz"], 2'400'010);
  EXPECT_EQ(json[0]["mp_state"], 11);
  EXPECT_EQ(json[0]["cpuid_entries"], 2);
  EXPECT_EQ(json[0]["xsave_bytes"], 96);
  EXPECT_EQ(json[0]["msrs"]["0x10"], "0x1122334455667788");
}

TEST(StateJsonTest, TellsOfDevices) {
  const Json json = StateToJson(StateVersion(), ExampleState());
  ASSERT_EQ(json["disks"].size(), 2u);
  ASSERT_EQ(json["networks"].size(), 1u);
  EXPECT_EQ(json["disks"][1]["id"], "data");
  EXPECT_EQ(json["networks"][0]["id"], "eth0");
  const Json& transport = json["disks"][0]["transport"];
  EXPECT_EQ(transport["status"], 16);
  EXPECT_EQ(transport["driver_features"], "0x100000001");
  EXPECT_EQ(transport["interrupt_status"], 5);
  ASSERT_EQ(transport["queues"].size(), 2u);
  EXPECT_EQ(transport["queues"][0]["size"], 257);
  EXPECT_EQ(transport["queues"][0]["avail"], "0x20001");
  EXPECT_EQ(transport["queues"][0]["next_avail"], 0xffff);
  EXPECT_EQ(transport["queues"][0]["taken"], 2);
}

TEST(StateJsonTest, ListsAndObjectsWithoutEntriesAreEmpty) {
  SnapshotState state;
  state.vm.vcpus.resize(1);
  const Json json = StateToJson(StateVersion(), state);
  EXPECT_EQ(Dump(json["memory_regions"]), "[]");
  EXPECT_EQ(Dump(json["vcpus"][0]["msrs"]), "{}");
  EXPECT_EQ(Dump(json["disks"]), "[]");
  EXPECT_EQ(Dump(json["networks"]), "[]");
}

TEST(StateJsonTest, AConfigurationThatIsNoJsonIsAText) {
  for (const std::string text : {"", "{", "{}x", "nonsense", "\xff"}) {
    EXPECT_EQ(ConfigOf(text), text);
  }
}

TEST(StateJsonTest, AConfigurationThatIsTooDeepOrTooLargeIsAText) {
  const std::string deep = std::string(33, '[') + std::string(33, ']');
  EXPECT_TRUE(ConfigOf(deep).is_string());
  EXPECT_TRUE(ConfigOf(std::string(31, '[') + std::string(31, ']')).is_array());
  EXPECT_TRUE(ConfigOf(std::string(size_t{1} << 20, '[')).is_string());
  const size_t half = size_t{1} << 20;
  EXPECT_TRUE(ConfigOf(std::string(half, '[') + std::string(half, ']')).is_string());
  std::string many = "{";
  for (int i = 0; i < 20'000; ++i) {
    many += "\"" + std::to_string(i) + "\":0,";
  }
  many.back() = '}';
  EXPECT_TRUE(ConfigOf(many).is_string());
}

TEST(StateJsonTest, TextsThatAreNotUtf8AreWritten) {
  SnapshotState state = ExampleState();
  state.mayfly_version = "\xff\xfe";
  state.vm.host_cpu.vendor = "\xc0";
  state.vm.disks[0].name = std::string("\x80\0\n", 3);
  state.config_json = "\"\xff\"";
  EXPECT_THAT(Dump(StateToJson(StateVersion(), state)), testing::HasSubstr("\xef\xbf\xbd"));
}

}  // namespace
}  // namespace mayfly
