// The order of pausing: vCPUs first, then devices; resuming is its reverse.

#include "vmm/run_control.h"

#include <sched.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"

namespace mayfly {
namespace {

constexpr int64_t kLookUs = 500;

absl::Status NotRunningError() { return absl::FailedPreconditionError("the VM does not run"); }

}  // namespace

RunControl::RunControl(EventLoop* loop, int64_t pause_timeout_us)
    : pause_timeout_us_(pause_timeout_us),
      timeout_(loop, [this] { OnTimeout(); }),
      progress_(loop, [this] { OnProgress(); }),
      delivery_(loop, [this] { Deliver(); }) {}

absl::Status RunControl::Start(std::span<const std::unique_ptr<Vcpu>> vcpus,
                               std::span<const std::unique_ptr<VirtioSlot>> slots) {
  slots_ = slots;
  RETURN_IF_ERROR(StartThreads(vcpus));
  RETURN_IF_ERROR(LetIn());
  state_ = State::kRunning;
  return absl::OkStatus();
}

absl::Status RunControl::StartThreads(std::span<const std::unique_ptr<Vcpu>> vcpus) {
  vcpus_ = vcpus;
  RETURN_IF_ERROR(InstallVcpuKickHandler());
  for (const std::unique_ptr<Vcpu>& vcpu : vcpus_) {
    const absl::Status status = vcpu->Start();
    if (!status.ok()) {
      Stop();
      return status;
    }
  }
  return absl::OkStatus();
}

void RunControl::AddPaused(std::span<const std::unique_ptr<VirtioSlot>> slots) {
  slots_ = slots;
  state_ = State::kPaused;
}

absl::Status RunControl::LetIn() {
  const absl::Status status = ConfineLoop();
  if (!status.ok()) {
    Stop();
    return status;
  }
  EndWait();
  return absl::OkStatus();
}

// After the threads have started, which inherit what this thread has.
absl::Status RunControl::ConfineLoop() {
  return hooks_.on_loop ? Annotate(hooks_.on_loop(), "the loop's thread") : absl::OkStatus();
}

absl::Status RunControl::OnVcpuStart() {
  if (hooks_.on_vcpu) {
    RETURN_IF_ERROR(Annotate(hooks_.on_vcpu(), "the vCPU's thread"));
  }
  WaitToEnter();
  return absl::OkStatus();
}

// Looks for a while before it sleeps: a VM that is restored to run follows by then, and to wake a
// thread takes as long as a tenth of all the rest. Yields meanwhile, as the loop may need this very
// processor.
void RunControl::WaitToEnter() const {
  const int64_t end_us = MonotonicTimeUs() + kLookUs;
  while (may_enter_.load(std::memory_order_acquire) == 0 && MonotonicTimeUs() < end_us) {
    sched_yield();
  }
  may_enter_.wait(0, std::memory_order_acquire);
}

void RunControl::EndWait() {
  // Not a mere release: libstdc++'s notify looks for waiters, and that load must not come first.
  may_enter_.store(1, std::memory_order_seq_cst);
  may_enter_.notify_all();
}

void RunControl::Pause(PauseDone done) {
  switch (state_) {
    case State::kCreated:
    case State::kStopped:
      outcomes_.push_back({std::move(done), NotRunningError()});
      delivery_.Raise();
      return;
    case State::kPaused:
      outcomes_.push_back({std::move(done), absl::OkStatus()});
      delivery_.Raise();
      return;
    case State::kPausing:
      waiting_.push_back(std::move(done));
      return;
    case State::kRunning:
      break;
  }
  state_ = State::kPausing;
  waiting_.push_back(std::move(done));
  ++pause_number_;
  for (const std::unique_ptr<Vcpu>& vcpu : vcpus_) {
    vcpu->RequestPause();
  }
  timeout_.Set(MonotonicTimeUs() + pause_timeout_us_);
  // They may all have ended, and then none says that it is parked.
  progress_.Raise();
}

void RunControl::OnProgress() {
  if (state_ != State::kPausing || !std::all_of(vcpus_.begin(), vcpus_.end(), [](const auto& vcpu) {
        return vcpu->IsParked();
      })) {
    return;
  }
  if (!is_pausing_devices_) {
    PauseDevices();
  }
  if (std::none_of(is_device_busy_.begin(), is_device_busy_.end(),
                   [](bool busy) { return busy; })) {
    state_ = State::kPaused;
    EndPause(absl::OkStatus());
  }
}

void RunControl::PauseDevices() {
  is_pausing_devices_ = true;
  is_device_busy_.assign(slots_.size(), true);
  for (size_t i = 0; i < slots_.size(); ++i) {
    slots_[i]->transport().Pause([this, i, number = pause_number_] {
      if (number == pause_number_ && is_pausing_devices_) {
        is_device_busy_[i] = false;
        progress_.Raise();
      }
    });
  }
}

void RunControl::OnTimeout() {
  std::string name;
  for (size_t i = 0; i < vcpus_.size() && name.empty(); ++i) {
    name = vcpus_[i]->IsParked() ? "" : absl::StrCat("vcpu ", i);
  }
  for (size_t i = 0; i < is_device_busy_.size() && name.empty(); ++i) {
    name = is_device_busy_[i] ? absl::StrCat("virtio device ", i) : "";
  }
  LetGo();
  EndPause(absl::DeadlineExceededError(
      absl::StrCat(name, " did not come to rest in ", pause_timeout_us_ / 1'000, " ms")));
}

absl::Status RunControl::Resume() {
  switch (state_) {
    case State::kCreated:
    case State::kStopped:
      return NotRunningError();
    case State::kRunning:
      return absl::OkStatus();
    case State::kPaused:
      LetGo();
      return may_enter_.load(std::memory_order_relaxed) != 0 ? absl::OkStatus() : LetIn();
    case State::kPausing:
      LetGo();
      EndPause(absl::CancelledError("the VM was resumed"));
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

void RunControl::LetGo() {
  state_ = State::kRunning;
  for (const std::unique_ptr<VirtioSlot>& slot : slots_) {
    slot->transport().Resume();
  }
  for (const std::unique_ptr<Vcpu>& vcpu : vcpus_) {
    vcpu->Resume();
  }
}

// A vCPU may wait for a device's reset, which this thread would do.
void RunControl::Stop() {
  const bool is_pausing = state_ == State::kPausing;
  state_ = State::kStopped;
  for (const std::unique_ptr<VirtioSlot>& slot : slots_) {
    slot->transport().StopWaiting();
  }
  for (const std::unique_ptr<Vcpu>& vcpu : vcpus_) {
    vcpu->RequestStop();
  }
  EndWait();
  for (const std::unique_ptr<Vcpu>& vcpu : vcpus_) {
    vcpu->Join();
  }
  if (is_pausing) {
    EndPause(absl::CancelledError("the VM was stopped"));
  }
}

void RunControl::EndPause(const absl::Status& status) {
  timeout_.Cancel();
  is_pausing_devices_ = false;
  is_device_busy_.clear();
  for (PauseDone& done : waiting_) {
    outcomes_.push_back({std::move(done), status});
  }
  waiting_.clear();
  delivery_.Raise();
}

// One may destroy this object.
void RunControl::Deliver() {
  for (Outcome& outcome : std::exchange(outcomes_, {})) {
    outcome.done(std::move(outcome.status));
  }
}

}  // namespace mayfly
