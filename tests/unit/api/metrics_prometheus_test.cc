// FormatPrometheus: the text format 0.0.4, read back by a strict reader.

#include "api/metrics_prometheus.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

// What the format asks for: HELP, TYPE, then all samples of the family; no sample twice.
std::map<std::string, std::string> ReadSamples(const std::string& text) {
  std::map<std::string, std::string> samples;
  std::set<std::string> families;
  std::string family;
  EXPECT_EQ(text.back(), '\n');
  for (const auto line_view : absl::StrSplit(text.substr(0, text.size() - 1), '\n')) {
    const std::string line(line_view);
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words[0] == "#") {
      if (words[1] == "HELP") {
        family = words[2];
        EXPECT_TRUE(families.insert(family).second) << line;
      } else {
        EXPECT_EQ(words[1], "TYPE");
        EXPECT_EQ(words[2], family);
        EXPECT_EQ(words[3], family.ends_with("_total") ? "counter" : "gauge");
      }
      continue;
    }
    // NAME{LABEL="VALUE",...} NUMBER
    const size_t brace = line.find('{');
    const size_t end = line.rfind("\"} ");
    if (brace == std::string::npos || end == std::string::npos) {
      ADD_FAILURE() << line;
      continue;
    }
    EXPECT_EQ(line.substr(0, brace), family);
    EXPECT_EQ(line.find_first_not_of("0123456789", end + 3), std::string::npos) << line;
    EXPECT_TRUE(samples.emplace(line.substr(0, end + 2), line.substr(end + 3)).second) << line;
  }
  return samples;
}

TEST(MetricsPrometheusTest, EverySampleStandsInItsFamily) {
  MetricsSnapshot snapshot;
  snapshot.vm.disks = {{"a", {.read_count = 3}}, {"b", {.read_count = 4}}};
  snapshot.vm.networks = {{"n", {.rx_packets_count = 5}}};
  snapshot.monitor.latencies_us.pause_vm = 6;
  const auto samples = ReadSamples(FormatPrometheus("vm-1", ListMetricGroups(snapshot)));
  EXPECT_EQ(samples.at(R"(mayfly_block_read_count_total{id="vm-1",drive="a"})"), "3");
  EXPECT_EQ(samples.at(R"(mayfly_block_read_count_total{id="vm-1",drive="b"})"), "4");
  EXPECT_EQ(samples.at(R"(mayfly_net_rx_packets_count_total{id="vm-1",iface="n"})"), "5");
  EXPECT_EQ(samples.at(R"(mayfly_latencies_us_pause_vm{id="vm-1"})"), "6");
  EXPECT_EQ(samples.count(R"(mayfly_block_read_count_total{id="vm-1"})"), 0u);
}

TEST(MetricsPrometheusTest, LabelsAreEscaped) {
  const std::string text = FormatPrometheus("a\"b\\c", {{"vmm", "", {{"panic_count", "", 1}}}});
  EXPECT_THAT(text, testing::HasSubstr(R"(mayfly_vmm_panic_count_total{id="a\"b\\c"} 1)"));
}

}  // namespace
}  // namespace mayfly
