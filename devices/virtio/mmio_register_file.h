// MmioRegisterFile: the registers of a virtio-mmio device that a driver writes, and their rules.

#ifndef MAYFLY_DEVICES_VIRTIO_MMIO_REGISTER_FILE_H_
#define MAYFLY_DEVICES_VIRTIO_MMIO_REGISTER_FILE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "devices/virtio/virt_queue.h"

namespace mayfly {

// What a snapshot keeps of the registers. MmioRegisterFile::Restore checks every field; the queues'
// sizes, addresses and taken heads are the business of VirtQueue::Create.
struct MmioRegisterState {
  uint32_t status = 0;
  uint32_t device_features_page = 0;
  uint32_t driver_features_page = 0;
  uint64_t driver_features = 0;
  uint32_t queue_index = 0;
  // Only those of a device that is at work have taken heads and indices that are not 0.
  std::vector<VirtQueueState> queues;

  bool operator==(const MmioRegisterState&) const = default;
};

// Virtio 1.2, sections 2.1 (status), 2.2 (features), 3.1 (initialization) and 4.2 (registers).
// Owned by MmioTransport, which locks it.
//
// The legal way of the status is 0, 1, 3, 11, 15; a driver may add FAILED at any time, and writes 0
// to start again. Other writes are ignored, as are writes to registers that the status does not
// allow to change: features before DRIVER or after FEATURES_OK, queue registers before FEATURES_OK,
// after DRIVER_OK, and but for QueueReady itself once a queue is ready.
class MmioRegisterFile {
 public:
  enum class Effect {
    kNone,
    kIgnored,   // nothing changed
    kActivate,  // the driver is ready: start the device
    kReset,     // the driver wants the device reset; the registers are as before until Clear
  };

  MmioRegisterFile(uint64_t offered_features, size_t queue_count)
      : offered_features_(offered_features), queues_(queue_count) {}

  // Aligned offsets below mmio::kConfig. Registers that are not here read as 0 and ignore writes.
  uint32_t Read(uint64_t guest_offset) const;
  Effect Write(uint64_t guest_offset, uint32_t guest_value);

  // As after a reset.
  void Clear();
  void SetNeedsReset();

  uint64_t driver_features() const { return driver_features_; }
  std::span<const VirtQueueState> queues() const { return queues_; }
  // The driver is done, and nothing broke: the device is to be at work.
  bool is_running() const;

  // The queues are those that the driver wrote, without progress.
  MmioRegisterState State() const;
  // InvalidArgument for what no driver could have brought about: a status off the way, features
  // that the device does not offer (the error names them) or without VERSION_1, or before their
  // time, as many queues as the device does not have, queues before their time or with progress
  // though the device is not at work. Then nothing has changed. What progress there is, is for the
  // device, and not kept here.
  absl::Status Restore(const MmioRegisterState& state);

 private:
  const VirtQueueState* selected_queue() const;
  bool WriteDriverFeatures(uint32_t guest_value);
  bool WriteQueue(uint64_t guest_offset, uint32_t guest_value);
  Effect WriteStatus(uint32_t guest_status);

  uint64_t offered_features_;
  uint32_t status_ = 0;
  uint32_t guest_device_features_page_ = 0;
  uint32_t guest_driver_features_page_ = 0;
  uint64_t driver_features_ = 0;
  uint32_t guest_queue_index_ = 0;
  std::vector<VirtQueueState> queues_;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_MMIO_REGISTER_FILE_H_
