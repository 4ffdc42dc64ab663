// The vCPU thread's loop.

#include "vmm/vcpu.h"

#include <signal.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/thread_hooks.h"
#include "vmm/register_dump.h"

namespace mayfly {
namespace {

void IgnoreKick(int /*signal*/) {}

}  // namespace

absl::Status InstallVcpuKickHandler() {
  struct sigaction action = {};
  // Not SIG_IGN: an ignored signal would not interrupt KVM_RUN. No SA_RESTART for the same reason.
  action.sa_handler = IgnoreKick;
  if (sigaction(kVcpuKickSignal, &action, nullptr) != 0) {
    return ErrnoError("sigaction");
  }
  return absl::OkStatus();
}

Vcpu::Vcpu(uint32_t index, KvmVcpu kvm, Machine machine)
    : index_(index), kvm_(std::move(kvm)), machine_(std::move(machine)) {}

Vcpu::~Vcpu() {
  RequestStop();
  Join();
}

absl::Status Vcpu::Start() {
  return Annotate(
      thread_.Start(absl::StrCat("fc_vcpu ", index_), kVcpuKickSignal, [this] { ThreadMain(); }),
      absl::StrCat("vcpu ", index_));
}

void Vcpu::RequestStop() {
  const MutexLock lock(&mutex_);
  stop_requested_.store(true, std::memory_order_release);
  kvm_.RequestImmediateExit(true);
  request_changed_.NotifyAll();
  thread_.Signal(kVcpuKickSignal);
}

void Vcpu::RequestPause() {
  const MutexLock lock(&mutex_);
  pause_requested_ = true;
  kvm_.RequestImmediateExit(true);
  thread_.Signal(kVcpuKickSignal);
}

void Vcpu::Resume() {
  const MutexLock lock(&mutex_);
  pause_requested_ = false;
  kvm_.RequestImmediateExit(stop_requested_.load(std::memory_order_relaxed));
  request_changed_.NotifyAll();
}

bool Vcpu::IsParked() const {
  const MutexLock lock(&mutex_);
  return is_ended_ || (pause_requested_ && is_parked_);
}

void Vcpu::Join() { thread_.Join(); }

void Vcpu::ThreadMain() {
  RunGuest();
  {
    const MutexLock lock(&mutex_);
    is_ended_ = true;
  }
  if (machine_.on_parked) {
    machine_.on_parked();
  }
}

void Vcpu::RunGuest() {
  if (machine_.on_start) {
    const absl::Status status = machine_.on_start();
    if (!status.ok()) {
      End(std::string(status.message()), {});
      return;
    }
  }
  if (!stop_requested_.load(std::memory_order_acquire)) {
    first_run_us_.store(MonotonicTimeUs(), std::memory_order_release);
  }
  while (!stop_requested_.load(std::memory_order_acquire)) {
    const absl::StatusOr<VcpuExit> exit = kvm_.Run();
    if (!exit.ok()) {
      End(std::string(exit.status().message()), {});
      return;
    }
    if (exit->kind == VcpuExit::Kind::kInterrupted) {
      ParkWhilePaused();
    } else if (!HandleExit(*exit)) {
      return;
    }
  }
}

// Only after an interrupted run, which has completed the instruction behind an earlier exit: before
// that the registers are not what the guest would see (api.rst, 5, KVM_EXIT_MMIO).
void Vcpu::ParkWhilePaused() {
  {
    const MutexLock lock(&mutex_);
    if (!pause_requested_) {
      return;
    }
  }
  if (!kvm_.KvmclockCtrl().ok()) {
    counters_.kvmclock_ctrl_fails.fetch_add(1, std::memory_order_relaxed);
  }
  {
    const MutexLock lock(&mutex_);
    is_parked_ = true;
  }
  if (machine_.on_parked) {
    machine_.on_parked();
  }
  const MutexLock lock(&mutex_);
  while (pause_requested_ && !stop_requested_.load(std::memory_order_relaxed)) {
    request_changed_.Wait(&mutex_);
  }
  is_parked_ = false;
}

bool Vcpu::HandleExit(const VcpuExit& exit) {
  const int64_t start_us = MonotonicTimeUs();
  ExitCounter* counter = nullptr;
  switch (exit.kind) {
    case VcpuExit::Kind::kPortRead:
      counter = &counters_.io_in;
      for (size_t i = 0; i < exit.data.size(); i += exit.item_size_bytes) {
        machine_.ports->Read(exit.guest_address, exit.data.subspan(i, exit.item_size_bytes));
      }
      break;
    case VcpuExit::Kind::kPortWrite:
      counter = &counters_.io_out;
      for (size_t i = 0; i < exit.data.size(); i += exit.item_size_bytes) {
        machine_.ports->Write(exit.guest_address, exit.data.subspan(i, exit.item_size_bytes));
      }
      break;
    case VcpuExit::Kind::kMmioRead:
      counter = &counters_.mmio_read;
      if (!machine_.mmio->Read(exit.guest_address, exit.data) && EndsAtRam(exit)) {
        return false;
      }
      break;
    case VcpuExit::Kind::kMmioWrite:
      counter = &counters_.mmio_write;
      if (!machine_.mmio->Write(exit.guest_address, exit.data) && EndsAtRam(exit)) {
        return false;
      }
      break;
    default:
      End(DescribeExit(exit), exit.instruction);
      return false;
  }
  counter->Record(MonotonicTimeUs() - start_us);
  return true;
}

// KVM takes RAM for a device when it cannot reach the host's memory behind it: a mapped file that
// was cut off. The guest would read ones and lose what it writes.
bool Vcpu::EndsAtRam(const VcpuExit& exit) {
  if (!machine_.memory->Resolve({GuestAddress(exit.guest_address), 1}).ok()) {
    return false;
  }
  End(absl::StrCat("guest memory cannot be reached: ", DescribeExit(exit)), {});
  return true;
}

void Vcpu::End(std::string reason, std::span<const uint8_t> instruction) {
  counters_.failures.fetch_add(1, std::memory_order_relaxed);
  machine_.on_end({.vcpu_index = index_,
                   .reason = std::move(reason),
                   .dump = DumpVcpu(kvm_, *machine_.memory, instruction)});
}

}  // namespace mayfly
