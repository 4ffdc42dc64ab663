// The registers of virtio-mmio.

#include "devices/virtio/mmio_transport.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "devices/virtio/mmio_registers.h"
#include "devices/virtio/virtio_ids.h"

namespace mayfly {
namespace {

constexpr uint64_t kRingFeatures =
    kFeatureVersion1 | kFeatureRingEventIdx | kFeatureRingIndirectDesc;

constexpr int kMaxWarnings = 8;

}  // namespace

absl::StatusOr<std::unique_ptr<MmioTransport>> MmioTransport::Create(
    EventLoop* loop, const GuestMemory* memory, IrqLine* irq, std::unique_ptr<VirtioDevice> device,
    Options options) {
  std::unique_ptr<MmioTransport> transport(
      new MmioTransport(loop, memory, irq, std::move(device), std::move(options)));
  const size_t queue_count = transport->device_->queue_count();
  for (size_t i = 0; i < queue_count; ++i) {
    // Blocking, so that one operation of the ring waits for and reads it.
    OwnedFd event_fd(eventfd(0, EFD_CLOEXEC));
    if (!event_fd.is_open()) {
      return ErrnoError("eventfd");
    }
    transport->io_.WatchEventFd(event_fd.get(), [self = transport.get(), i](int64_t count) {
      if (count > 0 && self->is_active_) {
        self->counters_.notifications.fetch_add(1, std::memory_order_relaxed);
        self->device_->OnNotification(i);
      }
    });
    transport->queue_event_fds_.push_back(std::move(event_fd));
  }
  return transport;
}

MmioTransport::MmioTransport(EventLoop* loop, const GuestMemory* memory, IrqLine* irq,
                             std::unique_ptr<VirtioDevice> device, Options options)
    : memory_(memory),
      irq_(irq),
      options_(std::move(options)),
      registers_(device->offered_features() | kRingFeatures, device->queue_count()),
      config_(device->config()),
      work_signal_(loop, [this] { OnWork(); }),
      io_(loop),
      device_(std::move(device)) {
  device_->AttachTo(this);
}

void MmioTransport::Read(uint64_t guest_offset, std::span<uint8_t> data) {
  std::fill(data.begin(), data.end(), 0);
  if (guest_offset >= mmio::kConfig) {
    ReadConfig(guest_offset - mmio::kConfig, data);
  } else if (data.size() == sizeof(uint32_t) && guest_offset % sizeof(uint32_t) == 0) {
    // 4.2.2.2: registers are 32 bits wide, and only so to be accessed.
    const uint32_t value = ReadRegister(guest_offset);
    std::memcpy(data.data(), &value, sizeof(value));
  }
}

void MmioTransport::ReadConfig(uint64_t guest_offset, std::span<uint8_t> data) {
  const MutexLock lock(&mutex_);
  for (size_t i = 0; i < data.size() && guest_offset + i < config_.size(); ++i) {
    data[i] = config_[guest_offset + i];
  }
}

uint32_t MmioTransport::ReadRegister(uint64_t guest_offset) {
  switch (guest_offset) {
    case mmio::kMagicValue:
      return mmio::kMagic;
    case mmio::kVersion:
      return mmio::kVersion2;
    case mmio::kDeviceId:
      return device_->device_id();
    case mmio::kInterruptStatus:
      return interrupt_status_.load(std::memory_order_acquire);
    case mmio::kShmLenLow:
    case mmio::kShmLenHigh:
    case mmio::kShmBaseLow:
    case mmio::kShmBaseHigh:
      // 4.2.2.1: what a region that does not exist reads as.
      return ~uint32_t{0};
    default:
      break;
  }
  const MutexLock lock(&mutex_);
  return guest_offset == mmio::kConfigGeneration ? config_generation_
                                                 : registers_.Read(guest_offset);
}

void MmioTransport::Write(uint64_t guest_offset, std::span<const uint8_t> guest_data) {
  if (guest_offset >= mmio::kConfig) {
    counters_.config_writes.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  uint32_t guest_value = 0;
  if (guest_data.size() == sizeof(guest_value) && guest_offset % sizeof(guest_value) == 0) {
    std::memcpy(&guest_value, guest_data.data(), sizeof(guest_value));
    if (WriteRegister(guest_offset, guest_value)) {
      return;
    }
  }
  counters_.ignored_writes.fetch_add(1, std::memory_order_relaxed);
}

bool MmioTransport::WriteRegister(uint64_t guest_offset, uint32_t guest_value) {
  if (guest_offset == mmio::kQueueNotify) {
    Notify(guest_value);
    return true;
  }
  if (guest_offset == mmio::kInterruptAck) {
    interrupt_status_.fetch_and(~guest_value, std::memory_order_acq_rel);
    return true;
  }
  const MutexLock lock(&mutex_);
  if (wants_reset_ && (guest_offset != mmio::kStatus || guest_value != 0)) {
    return false;
  }
  switch (registers_.Write(guest_offset, guest_value)) {
    case MmioRegisterFile::Effect::kIgnored:
      return false;
    case MmioRegisterFile::Effect::kActivate:
      wants_activation_ = true;
      is_in_use_ = true;
      work_signal_.Raise();
      return true;
    case MmioRegisterFile::Effect::kReset:
      Reset();
      return true;
    case MmioRegisterFile::Effect::kNone:
      return true;
  }
  return true;
}

// Waits on the vCPU thread; see the class comment.
void MmioTransport::Reset() {
  if (!is_in_use_) {
    Clear();
    return;
  }
  wants_reset_ = true;
  work_signal_.Raise();
  while (wants_reset_ && is_waiting_allowed_) {
    reset_done_.Wait(&mutex_);
  }
}

void MmioTransport::Clear() {
  registers_.Clear();
  interrupt_status_.store(0, std::memory_order_release);
}

void MmioTransport::StopWaiting() {
  const MutexLock lock(&mutex_);
  is_waiting_allowed_ = false;
  reset_done_.NotifyAll();
}

void MmioTransport::Pause(absl::AnyInvocable<void()> done) {
  OnWork();
  device_->Pause(std::move(done));
}

void MmioTransport::Resume() {
  device_->Resume();
  // One too many is harmless, one too few hangs the guest.
  if (std::exchange(is_restored_, false) &&
      interrupt_status_.load(std::memory_order_acquire) != 0) {
    Interrupt(0);
  }
}

MmioTransportState MmioTransport::State() const {
  const MutexLock lock(&mutex_);
  MmioTransportState state = {.registers = registers_.State(),
                              .interrupt_status = interrupt_status_.load(std::memory_order_acquire),
                              .config_generation = config_generation_,
                              .config = config_};
  for (size_t i = 0; registers_.is_running() && i < state.registers.queues.size(); ++i) {
    if (const VirtQueue* queue = device_->queue(i); queue != nullptr) {
      state.registers.queues[i] = queue->state();
    }
  }
  return state;
}

absl::Status MmioTransport::Restore(const MmioTransportState& state) {
  if ((state.interrupt_status & ~(mmio::kInterruptQueue | mmio::kInterruptConfig)) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("virtio state: impossible interrupt reasons ", state.interrupt_status));
  }
  std::vector<std::unique_ptr<VirtQueue>> queues;
  bool is_running = false;
  {
    const MutexLock lock(&mutex_);
    if (registers_.State().status != 0 || is_in_use_) {
      return absl::FailedPreconditionError("the virtio device is in use already");
    }
    if (state.config.size() != config_.size()) {
      return absl::InvalidArgumentError(absl::StrCat("virtio state: a configuration space of ",
                                                     state.config.size(), " bytes for a device of ",
                                                     config_.size()));
    }
    MmioRegisterFile registers = registers_;
    RETURN_IF_ERROR(registers.Restore(state.registers));
    is_running = registers.is_running();
    if (is_running) {
      ASSIGN_OR_RETURN(queues, CreateQueues(state.registers.queues, registers.driver_features()));
    }
    const bool is_config_new = state.config != config_;
    registers_ = registers;
    config_generation_ = state.config_generation + (is_config_new ? 1 : 0);
    interrupt_status_.store(
        state.interrupt_status | (is_config_new && is_running ? mmio::kInterruptConfig : 0),
        std::memory_order_release);
    is_in_use_ = is_running;
  }
  is_restored_ = true;
  is_active_ = is_running;
  device_->Pause([] {});
  if (is_running) {
    counters_.activations.fetch_add(1, std::memory_order_relaxed);
    device_->Activate(state.registers.driver_features, std::move(queues));
  }
  return absl::OkStatus();
}

// Where KVM does not take the write itself, it comes here.
void MmioTransport::Notify(uint32_t guest_queue_index) {
  if (guest_queue_index < queue_event_fds_.size()) {
    const uint64_t one = 1;
    // The counter is read again and again, so it cannot get near its end, where this would wait.
    (void)!write(queue_event_fds_[guest_queue_index].get(), &one, sizeof(one));
  }
}

void MmioTransport::Interrupt(uint32_t reason) {
  interrupt_status_.fetch_or(reason, std::memory_order_acq_rel);
  counters_.interrupts.fetch_add(1, std::memory_order_relaxed);
  irq_->Trigger();
}

void MmioTransport::RaiseQueueInterrupt() { Interrupt(mmio::kInterruptQueue); }

void MmioTransport::UpdateConfig(std::vector<uint8_t> config) {
  {
    const MutexLock lock(&mutex_);
    config_ = std::move(config);
    ++config_generation_;
  }
  if (is_active_) {
    counters_.config_updates.fetch_add(1, std::memory_order_relaxed);
    Interrupt(mmio::kInterruptConfig);
  }
}

void MmioTransport::SetNeedsReset(absl::string_view reason) {
  counters_.needs_resets.fetch_add(1, std::memory_order_relaxed);
  Warn(reason);
  {
    const MutexLock lock(&mutex_);
    registers_.SetNeedsReset();
  }
  // 2.1.2: with DRIVER_OK set, which it is, the driver is told.
  Interrupt(mmio::kInterruptConfig);
}

void MmioTransport::Warn(absl::string_view text) {
  if (++warning_count_ <= kMaxWarnings && options_.on_warning) {
    options_.on_warning(
        absl::StrCat(text, warning_count_ == kMaxWarnings ? " (no more of these)" : ""));
  }
}

void MmioTransport::OnWork() {
  bool wants_activation = false;
  bool wants_reset = false;
  {
    const MutexLock lock(&mutex_);
    wants_activation = std::exchange(wants_activation_, false);
    wants_reset = wants_reset_;
  }
  if (wants_activation && !wants_reset) {
    Activate();
  }
  if (wants_reset && !is_deactivating_) {
    Deactivate();
  }
}

void MmioTransport::Activate() {
  MmioRegisterFile registers(0, 0);
  {
    const MutexLock lock(&mutex_);
    registers = registers_;
  }
  auto queues = CreateQueues(registers.queues(), registers.driver_features());
  if (!queues.ok()) {
    counters_.failed_activations.fetch_add(1, std::memory_order_relaxed);
    SetNeedsReset(queues.status().message());
    return;
  }
  counters_.activations.fetch_add(1, std::memory_order_relaxed);
  is_active_ = true;
  device_->Activate(registers.driver_features(), *std::move(queues));
  // Notifications that came before were not passed on.
  for (size_t i = 0; i < queue_event_fds_.size(); ++i) {
    device_->OnNotification(i);
  }
}

absl::StatusOr<std::vector<std::unique_ptr<VirtQueue>>> MmioTransport::CreateQueues(
    std::span<const VirtQueueState> states, uint64_t driver_features) const {
  const VirtQueue::Features features = {
      .has_event_idx = (driver_features & kFeatureRingEventIdx) != 0,
      .has_indirect = (driver_features & kFeatureRingIndirectDesc) != 0};
  std::vector<std::unique_ptr<VirtQueue>> queues;
  for (const VirtQueueState& state : states) {
    queues.emplace_back();
    if (!state.is_ready) {
      continue;
    }
    auto queue = VirtQueue::Create(state, memory_, features);
    if (!queue.ok()) {
      return Annotate(queue.status(), absl::StrCat("queue ", queues.size() - 1));
    }
    queues.back() = std::make_unique<VirtQueue>(*std::move(queue));
  }
  return queues;
}

void MmioTransport::Deactivate() {
  auto done = [this] {
    is_deactivating_ = false;
    const MutexLock lock(&mutex_);
    Clear();
    is_in_use_ = false;
    wants_reset_ = false;
    reset_done_.NotifyAll();
  };
  if (!is_active_) {
    done();
    return;
  }
  is_active_ = false;
  is_deactivating_ = true;
  device_->Deactivate(done);
}

}  // namespace mayfly
