// RunSession: the one VM of `mayfly run`, its console and its end.

#ifndef MAYFLY_API_RUN_SESSION_H_
#define MAYFLY_API_RUN_SESSION_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/escape_key.h"
#include "api/exit_status.h"
#include "api/run_options.h"
#include "api/signal_watch.h"
#include "api/vm_controller.h"
#include "base/event_loop.h"
#include "base/phase_timeline.h"
#include "base/thread_hooks.h"
#include "base/timer.h"

namespace mayfly {

// Configures and starts the VM by the same requests as a client of the API. Made, used and
// destroyed on the main thread, which becomes the loop thread.
class RunSession {
 public:
  // `timeline` outlives the session. Without `confine` the process stays as it is.
  RunSession(RunOptions options, PhaseTimeline* timeline, Confine confine = nullptr)
      : options_(std::move(options)), timeline_(timeline), confine_(std::move(confine)) {}
  RunSession(const RunSession&) = delete;
  RunSession& operator=(const RunSession&) = delete;

  // Boots the VM and returns how it ended, with the terminal restored; an error when it could not
  // be run.
  absl::StatusOr<int> Run();

 private:
  void CreateController();
  absl::Status Configure();
  // Carries the request out, which no request here puts off.
  absl::Status Carry(ApiRequest request);

  void OnVmEnd(const VmEnd& end);
  void ReopenDisks();
  void OnSignal(int signal);
  void OnInputEnd(const absl::Status& status);
  void OnOutputBroken(const absl::Status& status);
  void OnEscapeCommand(EscapeKey::Command command);
  void ShowTimings();
  // Stops the guest, writes out what it printed and then leaves the loop. The first call decides.
  void Finish(int exit_status, std::string message);

  const RunOptions options_;
  PhaseTimeline* const timeline_;
  const Confine confine_;

  int exit_status_ = kExitOk;
  bool is_finishing_ = false;
  // For standard error once the terminal is restored; empty for none.
  std::string message_;

  // In the order of their making; destroyed in reverse.
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<SignalWatch> signals_;
  ThreadHooks thread_hooks_;
  std::unique_ptr<VmController> controller_;
  std::unique_ptr<Timer> timings_timer_;
};

}  // namespace mayfly

#endif  // MAYFLY_API_RUN_SESSION_H_
