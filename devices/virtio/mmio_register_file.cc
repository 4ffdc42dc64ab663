// What a driver may write when.

#include "devices/virtio/mmio_register_file.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "devices/virtio/mmio_registers.h"
#include "devices/virtio/virtio_ids.h"

namespace mayfly {
namespace {

constexpr uint32_t kStatusAfterDriver = kStatusAcknowledge | kStatusDriver;
constexpr uint32_t kStatusAfterFeatures = kStatusAfterDriver | kStatusFeaturesOk;
constexpr uint32_t kStatusComplete = kStatusAfterFeatures | kStatusDriverOk;

constexpr int kFeaturePageBits = 32;

// The half of a set of feature bits that a page register selects; there are two.
uint32_t FeaturePage(uint64_t features, uint32_t page) {
  return page < 2 ? static_cast<uint32_t>(features >> (page * kFeaturePageBits)) : 0;
}

void SetLow(GuestAddress& address, uint32_t guest_value) {
  address = GuestAddress((address.value() & ~uint64_t{0xffffffff}) | guest_value);
}

void SetHigh(GuestAddress& address, uint32_t guest_value) {
  address = GuestAddress((address.value() & 0xffffffff) | (uint64_t{guest_value} << 32));
}

// Whether `guest_status` is the next station on the way.
bool IsNextStatus(uint32_t status, uint32_t guest_status) {
  return (status == 0 && guest_status == kStatusAcknowledge) ||
         (status == kStatusAcknowledge && guest_status == kStatusAfterDriver) ||
         (status == kStatusAfterDriver && guest_status == kStatusAfterFeatures) ||
         (status == kStatusAfterFeatures && guest_status == kStatusComplete);
}

// 0 or another value that the driver's steps lead to, without what may be added at any time.
bool IsOnTheWay(uint32_t status) {
  return status == 0 || status == kStatusAcknowledge || status == kStatusAfterDriver ||
         status == kStatusAfterFeatures || status == kStatusComplete;
}

bool IsRunning(uint32_t status) {
  return (status & (kStatusComplete | kStatusNeedsReset)) == kStatusComplete;
}

absl::Status CheckFeatures(const MmioRegisterState& state, uint64_t offered_features) {
  const uint32_t steps = state.status & kStatusComplete;
  if (steps < kStatusAfterDriver && state.driver_features != 0) {
    return absl::InvalidArgumentError("virtio state: features before their time");
  }
  if (steps < kStatusAfterFeatures) {
    return absl::OkStatus();
  }
  if ((state.driver_features & kFeatureVersion1) == 0) {
    return absl::InvalidArgumentError("virtio state: the driver is a legacy one");
  }
  std::vector<int> missing_bits;
  for (int bit = 0; bit < 2 * kFeaturePageBits; ++bit) {
    if ((state.driver_features & ~offered_features & FeatureBit(static_cast<uint32_t>(bit))) != 0) {
      missing_bits.push_back(bit);
    }
  }
  if (!missing_bits.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("virtio state: the driver uses features that are not offered here: bits ",
                     absl::StrJoin(missing_bits, ", ")));
  }
  return absl::OkStatus();
}

absl::Status CheckQueue(const VirtQueueState& queue, uint32_t status) {
  if ((status & kStatusComplete) < kStatusAfterFeatures && queue != VirtQueueState()) {
    return absl::InvalidArgumentError("virtio state: a queue before its time");
  }
  const bool has_progress =
      queue.next_avail != 0 || queue.next_used != 0 || !queue.taken_heads.empty();
  if (has_progress && !(IsRunning(status) && queue.is_ready)) {
    return absl::InvalidArgumentError("virtio state: progress of a queue that is not at work");
  }
  return absl::OkStatus();
}

}  // namespace

const VirtQueueState* MmioRegisterFile::selected_queue() const {
  return guest_queue_index_ < queues_.size() ? &queues_[guest_queue_index_] : nullptr;
}

uint32_t MmioRegisterFile::Read(uint64_t guest_offset) const {
  switch (guest_offset) {
    case mmio::kDeviceFeatures:
      return FeaturePage(offered_features_, guest_device_features_page_);
    case mmio::kQueueNumMax:
      return selected_queue() != nullptr ? kQueueMaxSize : 0;
    case mmio::kQueueReady:
      return selected_queue() != nullptr && selected_queue()->is_ready ? 1 : 0;
    case mmio::kStatus:
      return status_;
    default:
      return 0;
  }
}

MmioRegisterFile::Effect MmioRegisterFile::Write(uint64_t guest_offset, uint32_t guest_value) {
  bool is_taken = true;
  switch (guest_offset) {
    case mmio::kDeviceFeaturesSel:
      guest_device_features_page_ = guest_value;
      break;
    case mmio::kDriverFeaturesSel:
      guest_driver_features_page_ = guest_value;
      break;
    case mmio::kQueueSel:
      guest_queue_index_ = guest_value;
      break;
    case mmio::kStatus:
      return WriteStatus(guest_value);
    case mmio::kDriverFeatures:
      is_taken = WriteDriverFeatures(guest_value);
      break;
    default:
      is_taken = WriteQueue(guest_offset, guest_value);
  }
  return is_taken ? Effect::kNone : Effect::kIgnored;
}

bool MmioRegisterFile::WriteDriverFeatures(uint32_t guest_value) {
  const uint32_t page = guest_driver_features_page_;
  if (status_ != kStatusAfterDriver || page >= 2) {
    return false;
  }
  const int shift = static_cast<int>(page) * kFeaturePageBits;
  driver_features_ &= ~(uint64_t{0xffffffff} << shift);
  driver_features_ |= uint64_t{guest_value} << shift;
  return true;
}

bool MmioRegisterFile::WriteQueue(uint64_t guest_offset, uint32_t guest_value) {
  if (status_ != kStatusAfterFeatures || selected_queue() == nullptr) {
    return false;
  }
  VirtQueueState& queue = queues_[guest_queue_index_];
  if (guest_offset == mmio::kQueueReady) {
    if (guest_value > 1) {
      return false;
    }
    queue.is_ready = guest_value == 1;
    return true;
  }
  if (queue.is_ready) {
    return false;
  }
  switch (guest_offset) {
    case mmio::kQueueNum:
      queue.guest_size = guest_value;
      return true;
    case mmio::kQueueDescLow:
      SetLow(queue.guest_descriptors, guest_value);
      return true;
    case mmio::kQueueDescHigh:
      SetHigh(queue.guest_descriptors, guest_value);
      return true;
    case mmio::kQueueDriverLow:
      SetLow(queue.guest_avail, guest_value);
      return true;
    case mmio::kQueueDriverHigh:
      SetHigh(queue.guest_avail, guest_value);
      return true;
    case mmio::kQueueDeviceLow:
      SetLow(queue.guest_used, guest_value);
      return true;
    case mmio::kQueueDeviceHigh:
      SetHigh(queue.guest_used, guest_value);
      return true;
    default:
      return false;
  }
}

MmioRegisterFile::Effect MmioRegisterFile::WriteStatus(uint32_t guest_status) {
  if (guest_status == 0) {
    return Effect::kReset;
  }
  if (((guest_status | status_) & kStatusFailed) != 0) {
    // The driver gave up; only a reset leads out.
    const bool is_news = (status_ & kStatusFailed) == 0;
    status_ |= kStatusFailed;
    return is_news ? Effect::kNone : Effect::kIgnored;
  }
  if (!IsNextStatus(status_, guest_status)) {
    return guest_status == status_ ? Effect::kNone : Effect::kIgnored;
  }
  if (guest_status == kStatusAfterFeatures) {
    // 2.2.1, 6.1: no more than was offered, and never without VERSION_1. The driver reads the
    // status back to see whether its choice was taken.
    const bool is_taken =
        (driver_features_ & ~offered_features_) == 0 && (driver_features_ & kFeatureVersion1) != 0;
    if (!is_taken) {
      return Effect::kIgnored;
    }
  }
  status_ = guest_status;
  return guest_status == kStatusComplete ? Effect::kActivate : Effect::kNone;
}

void MmioRegisterFile::Clear() { *this = MmioRegisterFile(offered_features_, queues_.size()); }

void MmioRegisterFile::SetNeedsReset() { status_ |= kStatusNeedsReset; }

bool MmioRegisterFile::is_running() const { return IsRunning(status_); }

MmioRegisterState MmioRegisterFile::State() const {
  return {.status = status_,
          .device_features_page = guest_device_features_page_,
          .driver_features_page = guest_driver_features_page_,
          .driver_features = driver_features_,
          .queue_index = guest_queue_index_,
          .queues = queues_};
}

absl::Status MmioRegisterFile::Restore(const MmioRegisterState& state) {
  const uint32_t steps = state.status & ~(kStatusFailed | kStatusNeedsReset);
  const bool needs_reset = (state.status & kStatusNeedsReset) != 0;
  if (!IsOnTheWay(steps) || (needs_reset && steps != kStatusComplete)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("virtio state: impossible status %#x", state.status));
  }
  RETURN_IF_ERROR(CheckFeatures(state, offered_features_));
  if (state.queues.size() != queues_.size()) {
    return absl::InvalidArgumentError(absl::StrFormat("virtio state: %u queues of a device of %u",
                                                      state.queues.size(), queues_.size()));
  }
  for (const VirtQueueState& queue : state.queues) {
    RETURN_IF_ERROR(CheckQueue(queue, state.status));
  }
  status_ = state.status;
  guest_device_features_page_ = state.device_features_page;
  guest_driver_features_page_ = state.driver_features_page;
  driver_features_ = state.driver_features;
  guest_queue_index_ = state.queue_index;
  queues_ = state.queues;
  for (VirtQueueState& queue : queues_) {
    queue.next_avail = queue.next_used = 0;
    queue.taken_heads.clear();
  }
  return absl::OkStatus();
}

}  // namespace mayfly
