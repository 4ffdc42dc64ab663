// Monitor: the program in its usual form, controlled over the API socket or by a configuration
// file.

#ifndef MAYFLY_API_MONITOR_H_
#define MAYFLY_API_MONITOR_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/api_handler.h"
#include "api/api_server.h"
#include "api/metrics_writer.h"
#include "api/monitor_metrics.h"
#include "api/monitor_options.h"
#include "api/signal_watch.h"
#include "api/vm_controller.h"
#include "base/event_loop.h"
#include "base/phase_timeline.h"
#include "base/thread_hooks.h"
#include "base/timer.h"
#include "devices/mmds/mmds.h"

namespace mayfly {

// Made, used and destroyed on the main thread, which becomes the loop thread. Once per process: it
// takes over signals, the log and file descriptors.
class Monitor {
 public:
  // `timeline` outlives the monitor. Without `confine` the process stays as it is.
  Monitor(MonitorOptions options, PhaseTimeline* timeline, Confine confine = nullptr)
      : options_(std::move(options)), timeline_(timeline), confine_(std::move(confine)) {}
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // Serves until the VM or a signal ends it; the exit status (api/exit_status.h). A signal that is
  // to end the process has done so when this returns.
  int Run();

 private:
  // Before anything that can fail is tried: the log, fatal signals, metrics.
  absl::Status StartObservability();
  absl::Status SetUp();
  absl::Status ConfineProcess();
  absl::Status LoadMetadata();
  // Configures and starts the VM.
  absl::Status LoadConfigFile();
  absl::Status LoadRestore();
  absl::Status Carry(ApiRequest request);

  void CreateController();
  absl::Status CreateServer();
  void RecordStartupTime();
  MetricsSnapshot CollectMetrics() const;

  void OnVmEnd(const VmEnd& end);
  void OnSignal(int signal);
  void Finish(int exit_status);
  // The last line of the log.
  int Exit(int exit_status);

  const MonitorOptions options_;
  PhaseTimeline* const timeline_;
  const Confine confine_;
  int exit_status_ = 0;
  bool is_finishing_ = false;
  // Ends the process once all is in order; 0 for none.
  int fatal_signal_ = 0;

  // In the order of their making; destroyed in reverse.
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<SignalWatch> signals_;
  ThreadHooks thread_hooks_;
  MonitorMetrics metrics_;
  std::unique_ptr<Mmds> mmds_;
  std::unique_ptr<MetricsWriter> metrics_writer_;
  std::unique_ptr<VmController> controller_;
  std::unique_ptr<ApiHandler> handler_;
  std::unique_ptr<ApiServer> server_;
  std::unique_ptr<Timer> prepare_timer_;
  std::unique_ptr<Timer> prepare_more_timer_;
};

}  // namespace mayfly

#endif  // MAYFLY_API_MONITOR_H_
