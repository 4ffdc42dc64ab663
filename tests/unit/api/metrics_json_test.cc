// FormatMetricsLine: one JSON object a line, counters as differences.

#include "api/metrics_json.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace mayfly {
namespace {

std::vector<MetricGroup> Groups(uint64_t count, uint64_t value) {
  return {{"block",
           "a",
           {{"read_count", "", count},
            {"read_agg", "min_us", value, Metric::Kind::kValue},
            {"read_agg", "sum_us", count}}},
          {"latencies_us", "", {{"pause_vm", "", value, Metric::Kind::kValue}}}};
}

TEST(MetricsJsonTest, WritesExactlyThis) {
  EXPECT_EQ(
      FormatMetricsLine({.utc_timestamp_ms = 12}, Groups(3, 7), {}),
      R"({"utc_timestamp_ms":12,"block_a":{"read_count":3,"read_agg":{"min_us":7,"sum_us":3}},)"
      R"("latencies_us":{"pause_vm":7}})"
      "\n");
}

TEST(MetricsJsonTest, CountersAreWhatCameSinceTheLastLine) {
  EXPECT_EQ(
      FormatMetricsLine({}, Groups(10, 7), Groups(4, 9)),
      R"({"utc_timestamp_ms":0,"block_a":{"read_count":6,"read_agg":{"min_us":7,"sum_us":6}},)"
      R"("latencies_us":{"pause_vm":7}})"
      "\n");
}

TEST(MetricsJsonTest, HasIdAndPropertiesWhereAsked) {
  const std::string line =
      FormatMetricsLine({.id = "vm-1", .properties = {{"a", "x\"y"}, {"b", ""}}}, {}, {});
  EXPECT_EQ(line,
            "{\"utc_timestamp_ms\":0,\"id\":\"vm-1\",\"properties\":{\"a\":\"x\\\"y\","
            "\"b\":\"\"}}\n");
}

TEST(MetricsJsonTest, AllMetricsAreOneValidObject) {
  MetricsSnapshot snapshot;
  snapshot.vm.disks = {{"a", {}}};
  const std::string line = FormatMetricsLine({}, ListMetricGroups(snapshot), {});
  const auto json = nlohmann::json::parse(line, nullptr, false);
  ASSERT_FALSE(json.is_discarded()) << line;
  EXPECT_EQ(json["vcpu"]["exit_io_in_agg"].size(), 3u);
  EXPECT_EQ(json["memory_hotplug"].size(), 18u);
}

}  // namespace
}  // namespace mayfly
