// MetricsWriter: lines with what came since the last one, lost lines, a target that is set once.

#include "api/metrics_writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/fakes/temporary_file.h"
#include "tests/unit/base/loop_fixture.h"

namespace mayfly {
namespace {

class MetricsWriterTest : public LoopTest {
 protected:
  void SetUp() override {
    LoopTest::SetUp();
    writer = std::make_unique<MetricsWriter>(loop.get(), "vm-1", [this] { return snapshot; });
  }
  void TearDown() override { writer.reset(); }

  static std::vector<nlohmann::json> Lines(const std::string& path) {
    std::vector<nlohmann::json> lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
      lines.push_back(nlohmann::json::parse(line, nullptr, false));
    }
    return lines;
  }

  MetricsSnapshot snapshot;
  std::unique_ptr<MetricsWriter> writer;
};

TEST_P(MetricsWriterTest, NothingIsWrittenBeforeThereIsATarget) {
  writer->Write();
  EXPECT_THAT(writer->PrometheusText(), testing::HasSubstr("mayfly_vmm_panic_count_total"));
}

TEST_P(MetricsWriterTest, LinesHaveDifferencesAndValues) {
  const TemporaryFile file({});
  ASSERT_TRUE(writer->Configure({.metrics_path = file.path()}).ok());
  snapshot.monitor.requests.put.drive.count = 3;
  snapshot.monitor.latencies_us.pause_vm = 9;
  writer->Write();
  snapshot.monitor.requests.put.drive.count = 5;
  writer->Write();
  const auto lines = Lines(file.path());
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["put_api_requests"]["drive_count"], 3);
  EXPECT_EQ(lines[1]["put_api_requests"]["drive_count"], 2);
  EXPECT_EQ(lines[1]["latencies_us"]["pause_vm"], 9);
  EXPECT_FALSE(lines[0].contains("id"));
  EXPECT_NEAR(lines[0]["utc_timestamp_ms"].get<double>(), static_cast<double>(WallTimeUs()) / 1000,
              60'000);
}

TEST_P(MetricsWriterTest, IdAndPropertiesAreRepeated) {
  const TemporaryFile file({});
  ASSERT_TRUE(
      writer
          ->Configure({.metrics_path = file.path(), .emit_id = true, .properties = {{"zone", "b"}}})
          .ok());
  writer->Write();
  const auto lines = Lines(file.path());
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["id"], "vm-1");
  EXPECT_EQ(lines[0]["properties"]["zone"], "b");
}

TEST_P(MetricsWriterTest, TargetIsSetOnce) {
  const TemporaryFile file({});
  EXPECT_EQ(writer->Configure({.metrics_path = "/none/m"}).message(),
            "Cannot initialize the metrics system due to bad user input: No such file or directory "
            "(os error 2)");
  ASSERT_TRUE(writer->Configure({.metrics_path = file.path()}).ok());
  EXPECT_EQ(writer->Configure({.metrics_path = file.path()}).message(),
            "Cannot initialize the metrics system due to bad user input: Reinitialization of "
            "metrics not allowed.");
}

TEST_P(MetricsWriterTest, FullFifoLosesLinesAndCountsThem) {
  const TemporaryFile file({});
  const std::string path = file.path() + ".fifo";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  ASSERT_TRUE(writer->Configure({.metrics_path = path}).ok());
  // A line has some 5 KiB, a FIFO room for 64.
  for (int i = 0; i < 40; ++i) {
    writer->Write();
  }
  EXPECT_THAT(writer->PrometheusText(),
              testing::ContainsRegex("mayfly_logger_missed_metrics_count_total.* [1-9]"));
  unlink(path.c_str());
}

INSTANTIATE_TEST_SUITE_P(Setups, MetricsWriterTest, testing::Values(Ring::Setup::kBest), SetupName);

}  // namespace
}  // namespace mayfly
