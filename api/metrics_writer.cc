// Collects, formats and writes.

#include "api/metrics_writer.h"

#include <signal.h>
#include <time.h>

#include <array>
#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/fatal_signals.h"
#include "api/fault.h"
#include "api/metrics_prometheus.h"
#include "base/clock.h"
#include "base/log.h"

namespace mayfly {
namespace {

constexpr absl::string_view kTimestampKey = "{\"utc_timestamp_ms\":";
constexpr size_t kTimestampDigits = 13;

// A line that a signal handler can complete: it is written before, with a 0 where the handler puts
// a 1.
struct SignalLine {
  std::string text;
  SinkFile* sink = nullptr;
  std::array<size_t, NSIG> offset_of_signal{};
};

std::atomic<SignalLine*> g_signal_line{nullptr};
// Loop thread.
std::array<std::unique_ptr<SignalLine>, 4> g_line_storage;
size_t g_line_count = 0;

// Where the value of "name": stands in the text behind `start`; 0 for nowhere.
size_t FindValue(const std::string& text, absl::string_view group, absl::string_view name) {
  const size_t start = text.find(absl::StrCat("\"", group, "\":{"));
  const std::string key = absl::StrCat("\"", name, "\":");
  const size_t found = start == std::string::npos ? start : text.find(key, start);
  return found == std::string::npos ? 0 : found + key.size();
}

}  // namespace

MetricsWriter::MetricsWriter(EventLoop* loop, std::string instance_id,
                             std::function<MetricsSnapshot()> collect)
    : instance_id_(std::move(instance_id)),
      collect_(std::move(collect)),
      timer_(loop, [this] { OnTimer(); }) {}

MetricsWriter::~MetricsWriter() { g_signal_line.store(nullptr, std::memory_order_release); }

absl::Status MetricsWriter::Configure(const MetricsConfig& config) {
  constexpr absl::string_view kPrefix =
      "Cannot initialize the metrics system due to bad user input: ";
  if (sink_ != nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(kPrefix, "Reinitialization of metrics not allowed."));
  }
  auto sink = SinkFile::Open(config.metrics_path);
  if (!sink.ok()) {
    return FaultFrom(sink.status(), kPrefix);
  }
  sink_ = *std::move(sink);
  config_ = config;
  PrepareSignalLine();
  timer_.Set(MonotonicTimeUs() + kPeriodUs);
  return absl::OkStatus();
}

void MetricsWriter::OnTimer() {
  timer_.Set(MonotonicTimeUs() + kPeriodUs);
  Write();
}

MetricsSnapshot MetricsWriter::Collect() const {
  MetricsSnapshot snapshot = collect_();
  snapshot.log = ReadLogCounters();
  snapshot.missed_metrics_count = missed_metrics_count_;
  snapshot.signals.sigpipe = SigpipeCount();
  return snapshot;
}

MetricsLineHead MetricsWriter::Head() const {
  return {.utc_timestamp_ms = WallTimeUs() / 1000,
          .id = config_.emit_id ? instance_id_ : "",
          .properties = config_.properties};
}

void MetricsWriter::Write() {
  if (sink_ == nullptr) {
    return;
  }
  std::vector<MetricGroup> groups = ListMetricGroups(Collect());
  const std::string line = FormatMetricsLine(Head(), groups, previous_);
  if (sink_->Write(line) == SinkFile::Result::kLost) {
    // The next line has what this one would have had.
    ++missed_metrics_count_;
    return;
  }
  previous_ = std::move(groups);
  PrepareSignalLine();
}

std::string MetricsWriter::PrometheusText() const {
  return FormatPrometheus(instance_id_, ListMetricGroups(Collect()));
}

void MetricsWriter::PrepareSignalLine() {
  // The one before stays, in case a handler on another thread has just taken it.
  std::unique_ptr<SignalLine>& line = g_line_storage[++g_line_count % g_line_storage.size()];
  line = std::make_unique<SignalLine>();
  const std::vector<MetricGroup> groups = ListMetricGroups(Collect());
  line->text = FormatMetricsLine(Head(), groups, groups);
  line->sink = sink_.get();
  struct Place {
    int signal;
    absl::string_view group;
    absl::string_view name;
  };
  for (const Place& place :
       {Place{SIGBUS, "signals", "sigbus"}, Place{SIGSEGV, "signals", "sigsegv"},
        Place{SIGXFSZ, "signals", "sigxfsz"}, Place{SIGXCPU, "signals", "sigxcpu"},
        Place{SIGHUP, "signals", "sighup"}, Place{SIGILL, "signals", "sigill"},
        Place{SIGSYS, "seccomp", "num_faults"}, Place{SIGABRT, "vmm", "panic_count"}}) {
    line->offset_of_signal[static_cast<size_t>(place.signal)] =
        FindValue(line->text, place.group, place.name);
  }
  g_signal_line.store(line.get(), std::memory_order_release);
}

void MetricsWriter::WriteInSignal(int signal) {
  SignalLine* line = g_signal_line.exchange(nullptr, std::memory_order_acquire);
  if (line == nullptr || signal < 0 || signal >= NSIG) {
    return;
  }
  const size_t offset = line->offset_of_signal[static_cast<size_t>(signal)];
  if (offset != 0) {
    line->text[offset] = '1';
  }
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  int64_t now_ms = int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
  for (size_t i = kTimestampDigits; i-- > 0; now_ms /= 10) {
    line->text[kTimestampKey.size() + i] = static_cast<char>('0' + now_ms % 10);
  }
  (void)line->sink->Write(line->text);
}

}  // namespace mayfly
