// MetricsWriter: writes a line of metrics when it is time, or when somebody asks.

#ifndef MAYFLY_API_METRICS_WRITER_H_
#define MAYFLY_API_METRICS_WRITER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "api/metrics_json.h"
#include "api/monitor_metrics.h"
#include "api/observability_config.h"
#include "base/event_loop.h"
#include "base/sink_file.h"
#include "base/timer.h"

namespace mayfly {

// Owned by the program; loop thread. Nothing is written before Configure; then a line every minute.
// A line that its target does not take is lost and counted: nobody waits.
class MetricsWriter {
 public:
  static constexpr int64_t kPeriodUs = 60'000'000;

  // `collect` gives the values of the moment, without those this object knows itself.
  MetricsWriter(EventLoop* loop, std::string instance_id, std::function<MetricsSnapshot()> collect);
  MetricsWriter(const MetricsWriter&) = delete;
  MetricsWriter& operator=(const MetricsWriter&) = delete;
  ~MetricsWriter();

  // Opens the target. Once: FailedPrecondition after that. Both errors in Firecracker's words.
  absl::Status Configure(const MetricsConfig& config);
  // Writes a line with what came since the last one.
  void Write();

  // For GET /metrics; needs no Configure.
  std::string PrometheusText() const;

  // For the handler of a fatal signal, from any thread: a last line in which `signal`'s metric
  // counts it. Async-signal-safe. Counters in it are those since the last line that are known
  // without asking anyone, which is none.
  static void WriteInSignal(int signal);

 private:
  void OnTimer();
  MetricsSnapshot Collect() const;
  MetricsLineHead Head() const;
  void PrepareSignalLine();

  const std::string instance_id_;
  const std::function<MetricsSnapshot()> collect_;
  std::unique_ptr<SinkFile> sink_;
  MetricsConfig config_;
  std::vector<MetricGroup> previous_;
  uint64_t missed_metrics_count_ = 0;
  Timer timer_;
};

}  // namespace mayfly

#endif  // MAYFLY_API_METRICS_WRITER_H_
