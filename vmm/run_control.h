// RunControl: starts, pauses, resumes and stops the vCPUs and devices of a VM together.

#ifndef MAYFLY_VMM_RUN_CONTROL_H_
#define MAYFLY_VMM_RUN_CONTROL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "base/event_loop.h"
#include "base/loop_signal.h"
#include "base/thread_hooks.h"
#include "base/timer.h"
#include "vmm/vcpu.h"
#include "vmm/virtio_slot.h"

namespace mayfly {

// A member of MicroVm; loop thread only, but for OnParked. docs/threading.md has the order.
class RunControl {
 public:
  using PauseDone = absl::AnyInvocable<void(absl::Status)>;

  enum class State { kCreated, kRunning, kPausing, kPaused, kStopped };

  // How long vCPUs and devices may take to come to rest.
  static constexpr int64_t kPauseTimeoutUs = 30'000'000;

  explicit RunControl(EventLoop* loop, int64_t pause_timeout_us = kPauseTimeoutUs);
  RunControl(const RunControl&) = delete;
  RunControl& operator=(const RunControl&) = delete;

  // What confines the threads. Before they start.
  void SetThreadHooks(ThreadHooks hooks) { hooks_ = std::move(hooks); }

  // Starts the threads of the vCPUs. Both outlive the running. On an error none runs.
  absl::Status Start(std::span<const std::unique_ptr<Vcpu>> vcpus,
                     std::span<const std::unique_ptr<VirtioSlot>> slots);

  // In place of Start, for a VM at rest as a restored one is: first its vCPUs, whose threads start
  // and get ready while other things are made, then its devices. The VM is paused then, and Resume
  // lets the threads in. On an error none is left.
  absl::Status StartThreads(std::span<const std::unique_ptr<Vcpu>> vcpus);
  void AddPaused(std::span<const std::unique_ptr<VirtioSlot>> slots);

  // Runs `done` once all vCPUs have left the guest and wait, and then all devices have completed
  // what they had begun; never inside this call, and not at all when this object is destroyed
  // first. Paused already: the same. Errors, after which the VM runs on: DeadlineExceeded, naming
  // who did not come to rest; Cancelled by Resume or Stop. FailedPrecondition when the VM was not
  // started, or was stopped.
  void Pause(PauseDone done);
  // Lets devices and vCPUs go on; nothing happens when they do already. FailedPrecondition as
  // above; else this thread could not be confined, and the VM is stopped.
  absl::Status Resume();
  // Makes all vCPUs leave the guest and joins their threads. Devices are left as they are.
  void Stop();

  State state() const { return state_; }

  // For Vcpu::Machine::on_parked; any thread.
  void OnParked() { progress_.Raise(); }
  // For Vcpu::Machine::on_start: confines the vCPU's thread and waits until the loop's is confined
  // as well, as no guest runs beside a loop that is not.
  absl::Status OnVcpuStart();

 private:
  struct Outcome {
    PauseDone done;
    absl::Status status;
  };

  void OnProgress();
  void PauseDevices();
  void OnTimeout();
  // Ends the pause that is under way.
  void EndPause(const absl::Status& status);
  absl::Status ConfineLoop();
  // Lets vCPU threads past OnVcpuStart, once the loop is confined.
  absl::Status LetIn();
  void WaitToEnter() const;
  void EndWait();
  void LetGo();
  void Deliver();

  const int64_t pause_timeout_us_;
  State state_ = State::kCreated;
  ThreadHooks hooks_;
  // 1 once vCPUs may enter the guest, or are to end.
  std::atomic<int> may_enter_ = 0;
  std::span<const std::unique_ptr<Vcpu>> vcpus_;
  std::span<const std::unique_ptr<VirtioSlot>> slots_;
  // Those that wait for the pause that is under way.
  std::vector<PauseDone> waiting_;
  bool is_pausing_devices_ = false;
  std::vector<bool> is_device_busy_;
  // Which pause it is, as a device may tell of one that was given up.
  uint64_t pause_number_ = 0;
  std::vector<Outcome> outcomes_;
  Timer timeout_;
  LoopSignal progress_;
  LoopSignal delivery_;
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_RUN_CONTROL_H_
