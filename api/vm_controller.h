// VmController: the one VM of a monitor, from its configuration to its end.

#ifndef MAYFLY_API_VM_CONTROLLER_H_
#define MAYFLY_API_VM_CONTROLLER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/api_request.h"
#include "api/console.h"
#include "api/machine.h"
#include "api/metrics_writer.h"
#include "api/monitor_metrics.h"
#include "api/vm_resources.h"
#include "base/event_loop.h"
#include "base/phase_timeline.h"
#include "base/thread_hooks.h"
#include "base/timer.h"
#include "devices/mmds/mmds.h"
#include "snapshot/snapshot_creator.h"
#include "vmm/micro_vm.h"
#include "vmm/prepared_kvm.h"

namespace mayfly {

// What a request that succeeded answers with.
struct ApiReply {
  // Empty for most.
  std::string body;
  std::string content_type = "application/json";
};

// Does what ApiRequests ask for, whoever asks: a client of the API, a configuration file, the
// command line of `mayfly run`. Owned by the program; loop thread.
class VmController {
 public:
  enum class State { kNotStarted, kRunning, kPaused };

  // A failed request: the fault message. ResourceExhausted when metadata does not fit; everything
  // else is InvalidArgument.
  using Done = absl::AnyInvocable<void(absl::StatusOr<ApiReply>)>;

  struct Options {
    std::string id = "anonymous-instance";
    bool has_boot_timer = false;
    // What the boot timer counts from; InstanceStart when absent.
    std::optional<BootTimer::Start> boot_start;
    Console::Options console;
    // What becomes of a network card whose TAP does not exist.
    Tap::Missing missing_tap = Tap::Missing::kIsCreated;
    // Confine the threads of the VM.
    ThreadHooks thread_hooks;
    // MicroVm::Observer's.
    MicroVm::Observer observer;
    // Runs after the `done` of a LoadSnapshot that failed, with which a monitor ends.
    std::function<void()> on_failed_load;
  };

  // All of them outlive the controller. `loop` and `timeline` are a must; without the others there
  // is no such service, and no request for it.
  struct Environment {
    EventLoop* loop = nullptr;
    Mmds* mmds = nullptr;
    MetricsWriter* metrics_writer = nullptr;
    MonitorMetrics* metrics = nullptr;
    PhaseTimeline* timeline = nullptr;
  };

  VmController(Options options, const Environment& environment)
      : options_(std::move(options)), environment_(environment), resources_(options_.missing_tap) {}
  VmController(const VmController&) = delete;
  VmController& operator=(const VmController&) = delete;
  ~VmController() { DropVm(); }

  // Carries the request out, or says why not; `done` runs once, inside this call or later. One
  // request at a time.
  void Execute(ApiRequest request, Done done);

  // Stops the guest, completes its I/O and writes out what it printed; then `done`.
  void Shutdown(absl::AnyInvocable<void()> done);

  // Does ahead what every VM needs, for a monitor that waits for its first request: at the first
  // call what helps at once, at the second what helps once some 10 ms have passed. Errors show when
  // a VM is made.
  void Prepare();

  State state() const { return state_; }
  // Null before the start.
  MicroVm* vm() { return machine_.vm.get(); }
  const MicroVm* vm() const { return machine_.vm.get(); }
  const Machine& machine() const { return machine_; }
  Console* console() { return machine_.console.get(); }
  VmResources& resources() { return resources_; }

 private:
  absl::Status CheckPhase(const ApiRequest& request) const;

  void Do(const GetInstanceInfo& request, Done done);
  void Do(const GetVersion& request, Done done);
  void Do(const GetVmConfig& request, Done done);
  void Do(const GetMachineConfig& request, Done done);
  void Do(const GetMmds& request, Done done);
  void Do(const GetMetrics& request, Done done);
  void Do(const PutBootSource& request, Done done);
  void Do(const PutMachineConfig& request, Done done);
  void Do(const PatchMachineConfig& request, Done done);
  void Do(const PutCpuConfig& request, Done done);
  void Do(const PutDrive& request, Done done);
  void Do(const PatchDrive& request, Done done);
  void Do(const PutNetworkInterface& request, Done done);
  void Do(const PatchNetworkInterface& request, Done done);
  void Do(const DeleteDevice& request, Done done);
  void Do(const PutLogger& request, Done done);
  void Do(const PutMetrics& request, Done done);
  void Do(const PutMmdsConfig& request, Done done);
  void Do(const PutMmds& request, Done done);
  void Do(const PatchMmds& request, Done done);
  void Do(const PutSerial& request, Done done);
  void Do(const InstanceStart& request, Done done);
  void Do(const CreateSnapshot& request, Done done);
  void Do(const LoadSnapshot& request, Done done);
  void Do(const RecordWorkingSet& request, Done done);
  void Do(const FlushMetrics& request, Done done);
  void Do(const SendCtrlAltDel& request, Done done);
  void Do(const PatchVmState& request, Done done);

  MachineEnvironment MachineEnvironmentWith(PhaseTimeline* timeline);
  Console::Options ConsoleOptions() const;
  void DropVm();
  absl::Status Restore(const SnapshotLoadRequest& request, PhaseTimeline& timeline);
  void StartWorkingSet();
  void OnSnapshotDone(SnapshotKind kind, int64_t start_us, const absl::Status& status, Done done);
  void Pause(Done done);
  void Resume(Done done);

  const Options options_;
  const Environment environment_;
  State state_ = State::kNotStarted;
  // A request that makes the VM one that is booted was tried.
  bool is_configured_ = false;
  VmResources resources_;
  SerialConfig serial_;
  std::optional<PreparedKvm> prepared_kvm_;
  Machine machine_;
  std::optional<Timer> late_log_;
  bool has_working_set_started_ = false;
  std::unique_ptr<SnapshotCreator> snapshot_;
};

}  // namespace mayfly

#endif  // MAYFLY_API_VM_CONTROLLER_H_
