// Vcpu: one virtual CPU and the thread that runs it.

#ifndef MAYFLY_VMM_VCPU_H_
#define MAYFLY_VMM_VCPU_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "base/guest_memory.h"
#include "base/mutex.h"
#include "base/named_thread.h"
#include "devices/bus.h"
#include "vmm/kvm_vcpu.h"
#include "vmm/vcpu_counters.h"

namespace mayfly {

// Why a vCPU's thread ended by itself.
struct VcpuEnd {
  uint32_t vcpu_index = 0;
  // One line: what happened. `dump` has registers and instruction, several lines.
  std::string reason;
  std::string dump;
};

// Owned by MicroVm and used on the loop thread, but for the thread it starts, which alone calls
// KVM_RUN and routes exits to the buses.
class Vcpu {
 public:
  // What a vCPU needs of its machine; all of it outlives the vCPU.
  struct Machine {
    const GuestMemory* memory = nullptr;
    const Bus* ports = nullptr;
    const Bus* mmio = nullptr;
    // On the vCPU's thread, at most once: the guest or KVM made it impossible to go on.
    std::function<void(VcpuEnd)> on_end;
    // On the vCPU's thread, without a lock: IsParked came to hold. May be empty.
    std::function<void()> on_parked;
    // On the vCPU's thread, before its first KVM_RUN, which an error prevents: that is then the
    // vCPU's end. May be empty.
    std::function<absl::Status()> on_start;
  };

  Vcpu(uint32_t index, KvmVcpu kvm, Machine machine);
  // Stops and joins the thread.
  ~Vcpu();
  Vcpu(const Vcpu&) = delete;
  Vcpu& operator=(const Vcpu&) = delete;

  // Starts the thread, named "fc_vcpu N", as tools that pin threads expect. Call once, after
  // InstallVcpuKickHandler.
  absl::Status Start();

  // Asks the thread to leave the guest and end, paused or not; returns at once. Any thread.
  void RequestStop();
  // Asks the thread to leave the guest and wait for Resume; returns at once. It is there when
  // IsParked, with every instruction that left the guest completed.
  void RequestPause();
  void Resume();
  // The thread is neither in the guest nor at work, and is not going to be before Resume: kvm() may
  // be used. Also when it ended by itself. Any thread.
  bool IsParked() const;
  // Waits for the thread's end.
  void Join();

  // CLOCK_MONOTONIC just before the first KVM_RUN, 0 before. Any thread.
  int64_t first_run_us() const { return first_run_us_.load(std::memory_order_acquire); }

  // Any thread.
  VcpuCounts counts() const { return counters_.Read(); }

  KvmVcpu& kvm() { return kvm_; }

 private:
  void ThreadMain();
  void RunGuest();
  void ParkWhilePaused() ABSL_LOCKS_EXCLUDED(mutex_);
  // False when the vCPU cannot go on.
  bool HandleExit(const VcpuExit& exit);
  // True, and the end, when an access that no device answered was to RAM.
  bool EndsAtRam(const VcpuExit& exit);
  void End(std::string reason, std::span<const uint8_t> instruction);

  const uint32_t index_;
  KvmVcpu kvm_;
  const Machine machine_;
  std::atomic<int64_t> first_run_us_ = 0;  // written by the vCPU's thread
  VcpuCounters counters_;

  mutable Mutex mutex_;
  Condition request_changed_;
  // Written under the mutex; the vCPU's thread looks at it between exits.
  std::atomic<bool> stop_requested_ = false;
  bool pause_requested_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_parked_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_ended_ ABSL_GUARDED_BY(mutex_) = false;
  NamedThread thread_;
};

// Installs the no-op handler of the signal that RequestStop sends, for the whole process. Call once
// before Start.
absl::Status InstallVcpuKickHandler();

}  // namespace mayfly

#endif  // MAYFLY_VMM_VCPU_H_
