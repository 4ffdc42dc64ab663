// MmioTransport: a virtio device's registers (virtio-mmio, version 2) and its life from reset to
// reset.

#ifndef MAYFLY_DEVICES_VIRTIO_MMIO_TRANSPORT_H_
#define MAYFLY_DEVICES_VIRTIO_MMIO_TRANSPORT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/event_loop.h"
#include "base/guest_memory.h"
#include "base/loop_signal.h"
#include "base/mutex.h"
#include "base/operation_group.h"
#include "base/owned_fd.h"
#include "devices/bus_device.h"
#include "devices/irq_line.h"
#include "devices/virtio/mmio_register_file.h"
#include "devices/virtio/virtio_device.h"

namespace mayfly {

// What a snapshot keeps of a transport. MmioTransport::Restore checks every field.
struct MmioTransportState {
  // With the progress of queues that are at work.
  MmioRegisterState registers;
  uint32_t interrupt_status = 0;
  uint32_t config_generation = 0;
  std::vector<uint8_t> config;

  bool operator==(const MmioTransportState&) const = default;
};

// Owned by MicroVm; made and destroyed on the loop thread. Registers are read and written on vCPU
// threads, under one mutex, by the rules of MmioRegisterFile; what is ignored is counted. The
// device is told on the loop.
//
// Reset is the one register write that waits: drivers of this transport free their rings right
// after it, so it returns when the device holds nothing of the guest's memory any more. Meanwhile
// other vCPUs read the old status, and their writes are ignored.
class MmioTransport : public BusDevice, private VirtioTransport {
 public:
  // For the metrics; any thread.
  struct Counters {
    std::atomic<uint64_t> ignored_writes{0};
    std::atomic<uint64_t> config_writes{0};  // to the configuration space, which no driver changes
    std::atomic<uint64_t> activations{0};
    std::atomic<uint64_t> failed_activations{0};
    std::atomic<uint64_t> needs_resets{0};
    std::atomic<uint64_t> notifications{0};
    std::atomic<uint64_t> interrupts{0};
    std::atomic<uint64_t> config_updates{0};
  };

  struct Options {
    // Hears, on the loop thread, what went wrong and is worth a line; a few times at most.
    std::function<void(absl::string_view)> on_warning;
  };

  // `loop`, `memory` and `irq` outlive the transport. Errors: those of eventfd(2).
  static absl::StatusOr<std::unique_ptr<MmioTransport>> Create(EventLoop* loop,
                                                               const GuestMemory* memory,
                                                               IrqLine* irq,
                                                               std::unique_ptr<VirtioDevice> device,
                                                               Options options);
  // Nothing else uses the device any more; cancels its I/O.
  ~MmioTransport() override = default;

  // BusDevice; vCPU threads.
  void Read(uint64_t guest_offset, std::span<uint8_t> data) override;
  void Write(uint64_t guest_offset, std::span<const uint8_t> guest_data) override;

  // One blocking eventfd for each queue: a signal is a notification of that queue (an ioeventfd of
  // mmio::kQueueNotify, 4 bytes, data match the index).
  std::span<const OwnedFd> queue_event_fds() const { return queue_event_fds_; }

  // Loop thread: from here on no register write waits for the loop, as the loop is about to wait
  // for the vCPUs. A guest that resets the device now may find it still at work.
  void StopWaiting();

  // Loop thread, once all vCPUs stand still: does what they asked for last, then pauses the device;
  // see VirtioDevice.
  void Pause(absl::AnyInvocable<void()> done);
  void Resume();

  // Loop thread; the transport is paused.
  MmioTransportState State() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Loop thread, before any vCPU runs, on a transport and a device that are new. Leaves both
  // paused: the device is active when it was, and does nothing before Resume, which looks at all
  // queues and raises what interrupt was pending. A device that needed a reset still does, and none
  // of its queues is served. The configuration space is this device's: where it is not what it was,
  // the driver is told with Resume.
  //
  // InvalidArgument, and nothing is changed: registers or queues that no driver could have brought
  // about (see MmioRegisterFile::Restore, VirtQueue::Create), unknown interrupt reasons, a
  // configuration space of another size. FailedPrecondition when the transport is not new.
  absl::Status Restore(const MmioTransportState& state) ABSL_LOCKS_EXCLUDED(mutex_);

  VirtioDevice& device() { return *device_; }
  const Counters& counters() const { return counters_; }

 private:
  MmioTransport(EventLoop* loop, const GuestMemory* memory, IrqLine* irq,
                std::unique_ptr<VirtioDevice> device, Options options);

  // VirtioTransport; loop thread.
  void RaiseQueueInterrupt() override;
  void UpdateConfig(std::vector<uint8_t> config) override;
  void SetNeedsReset(absl::string_view reason) override;

  uint32_t ReadRegister(uint64_t guest_offset) ABSL_LOCKS_EXCLUDED(mutex_);
  void ReadConfig(uint64_t guest_offset, std::span<uint8_t> data) ABSL_LOCKS_EXCLUDED(mutex_);
  // False when the register is not to be written now.
  bool WriteRegister(uint64_t guest_offset, uint32_t guest_value) ABSL_LOCKS_EXCLUDED(mutex_);
  void Reset() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Clear() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void Notify(uint32_t guest_queue_index);
  void Interrupt(uint32_t reason);
  void Warn(absl::string_view text);

  // Loop thread: does what the registers ask for.
  void OnWork();
  void Activate();
  void Deactivate();
  absl::StatusOr<std::vector<std::unique_ptr<VirtQueue>>> CreateQueues(
      std::span<const VirtQueueState> states, uint64_t driver_features) const;

  const GuestMemory* const memory_;
  IrqLine* const irq_;
  const Options options_;
  std::vector<OwnedFd> queue_event_fds_;
  Counters counters_;

  mutable Mutex mutex_;
  Condition reset_done_;
  MmioRegisterFile registers_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint8_t> config_ ABSL_GUARDED_BY(mutex_);
  // Never starts again, so that a driver notices every change.
  uint32_t config_generation_ ABSL_GUARDED_BY(mutex_) = 0;
  // The driver set DRIVER_OK and the loop has not activated the device yet.
  bool wants_activation_ ABSL_GUARDED_BY(mutex_) = false;
  // The device is, or is about to be, at work.
  bool is_in_use_ ABSL_GUARDED_BY(mutex_) = false;
  bool wants_reset_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_waiting_allowed_ ABSL_GUARDED_BY(mutex_) = true;
  std::atomic<uint32_t> interrupt_status_{0};

  // Loop thread only.
  bool is_active_ = false;
  bool is_deactivating_ = false;
  // Between a Restore and the Resume.
  bool is_restored_ = false;
  int warning_count_ = 0;
  LoopSignal work_signal_;
  // After the device, whose destructor ends its I/O first.
  OperationGroup io_;
  std::unique_ptr<VirtioDevice> device_;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_MMIO_TRANSPORT_H_
