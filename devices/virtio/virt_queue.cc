// The rings of a split virtqueue.

#include "devices/virtio/virt_queue.h"

#include <atomic>
#include <bit>

#include "absl/strings/str_format.h"
#include "base/check.h"
#include "base/guest_read_hook.h"
#include "base/status.h"
#include "devices/virtio/virtio_ids.h"

namespace mayfly {
namespace {

// Offsets in the available ring, in 16-bit words, and in the used ring, in bytes (2.7.6, 2.7.8).
constexpr size_t kAvailFlags = 0;
constexpr size_t kAvailIndex = 1;
constexpr size_t kAvailRing = 2;
constexpr size_t kUsedIndexOffset = 2;
constexpr size_t kUsedRingOffset = 4;
constexpr size_t kUsedElementBytes = 8;

constexpr uint16_t kAvailNoInterrupt = 1;

// Both sides use the rings at the same time: each access is one load or store of the width that the
// specification says, never repeated.
uint16_t Load(uint16_t* word, std::memory_order order) {
  const uint16_t value = std::atomic_ref<uint16_t>(*word).load(order);
  guest_read_hook::AfterRead({reinterpret_cast<uint8_t*>(word), sizeof(*word)});
  return value;
}

template <typename T>
void Store(uint8_t* address, T value, std::memory_order order) {
  // The rings are aligned for their members (VirtQueue::Create).
  std::atomic_ref<T>(*reinterpret_cast<T*>(address)).store(value, order);
}

absl::StatusOr<GuestSlice> ResolvePart(const GuestMemory& memory, GuestAddress guest_start,
                                       uint64_t size_bytes, uint64_t alignment, const char* name) {
  if (guest_start.value() % alignment != 0) {
    return absl::InvalidArgumentError(absl::StrFormat("the %s at %#x is not aligned to %u", name,
                                                      guest_start.value(), alignment));
  }
  auto slice = memory.Resolve({guest_start, size_bytes});
  if (!slice.ok()) {
    return absl::InvalidArgumentError(absl::StrFormat("%s: %s", name, slice.status().message()));
  }
  return *slice;
}

}  // namespace

absl::StatusOr<VirtQueue> VirtQueue::Create(const VirtQueueState& state, const GuestMemory* memory,
                                            const Features& features) {
  const uint32_t size = state.guest_size;
  if (size > kQueueMaxSize || !std::has_single_bit(size)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("queue size %u is not a power of two from 1 to %u", size, kQueueMaxSize));
  }
  ASSIGN_OR_RETURN(const GuestSlice descriptors,
                   ResolvePart(*memory, state.guest_descriptors, size * sizeof(VirtqDescriptor),
                               alignof(uint64_t) * 2, "descriptor table"));
  ASSIGN_OR_RETURN(const GuestSlice avail,
                   ResolvePart(*memory, state.guest_avail, (kAvailRing + size + 1) * 2,
                               alignof(uint16_t), "available ring"));
  ASSIGN_OR_RETURN(
      const GuestSlice used,
      ResolvePart(*memory, state.guest_used, kUsedRingOffset + size * kUsedElementBytes + 2,
                  alignof(uint32_t), "used ring"));
  return VirtQueue(
      state,
      DescriptorTable(memory, descriptors, static_cast<uint16_t>(size), features.has_indirect),
      avail, used, features);
}

VirtQueue::VirtQueue(const VirtQueueState& state, const DescriptorTable& table,
                     const GuestSlice& avail, const GuestSlice& used, const Features& features)
    : initial_(state),
      table_(table),
      avail_(reinterpret_cast<uint16_t*>(avail.data())),
      used_(used.data()),
      size_(static_cast<uint16_t>(state.guest_size)),
      has_event_idx_(features.has_event_idx),
      next_avail_(state.next_avail),
      next_used_(state.next_used),
      published_used_(state.next_used),
      is_in_flight_(size_) {}

uint16_t VirtQueue::LoadAvailIndex() const {
  // Acquire: what the driver wrote before it moved the index is visible.
  return Load(&avail_[kAvailIndex], std::memory_order_acquire);
}

absl::StatusOr<bool> VirtQueue::Pop(DescriptorChain& chain) {
  const uint16_t guest_ahead = static_cast<uint16_t>(LoadAvailIndex() - next_avail_);
  if (guest_ahead == 0) {
    return false;
  }
  if (guest_ahead > size_) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the available index is %u ahead in a queue of %u", guest_ahead, size_));
  }
  const uint16_t guest_head =
      Load(&avail_[kAvailRing + next_avail_ % size_], std::memory_order_relaxed);
  if (guest_head >= size_) {
    return absl::InvalidArgumentError(
        absl::StrFormat("chain head %u is outside of a queue of %u", guest_head, size_));
  }
  if (is_in_flight_[guest_head]) {
    return absl::InvalidArgumentError(
        absl::StrFormat("chain head %u is in flight already", guest_head));
  }
  RETURN_IF_ERROR(table_.Read(guest_head, chain));
  is_in_flight_[guest_head] = true;
  ++in_flight_count_;
  ++next_avail_;
  return true;
}

void VirtQueue::UndoPop(uint16_t head) {
  MAYFLY_CHECK(is_in_flight_[head]);
  is_in_flight_[head] = false;
  --in_flight_count_;
  --next_avail_;
}

void VirtQueue::PushUsed(uint16_t head, uint32_t written_bytes) {
  MAYFLY_CHECK(is_in_flight_[head]);
  is_in_flight_[head] = false;
  --in_flight_count_;
  uint8_t* element = used_ + kUsedRingOffset + (next_used_ % size_) * kUsedElementBytes;
  Store<uint32_t>(element, head, std::memory_order_relaxed);
  Store<uint32_t>(element + sizeof(uint32_t), written_bytes, std::memory_order_relaxed);
  ++next_used_;
}

bool VirtQueue::Publish() {
  const uint16_t old_used = published_used_;
  if (next_used_ == old_used) {
    return false;
  }
  if (is_notification_enabled_) {
    is_notification_enabled_ = false;
    // An event in the past (2.7.10): the driver is beyond it for the next 65535 chains.
    StoreAvailEvent(static_cast<uint16_t>(next_avail_ - 1));
  }
  // The elements, and what the device wrote to the buffers, come before the index; and the load
  // below may not pass this store (2.7.7.2, 2.7.10).
  Store<uint16_t>(used_ + kUsedIndexOffset, next_used_, std::memory_order_seq_cst);
  published_used_ = next_used_;
  if (!has_event_idx_) {
    return (Load(&avail_[kAvailFlags], std::memory_order_seq_cst) & kAvailNoInterrupt) == 0;
  }
  const uint16_t guest_used_event = Load(&avail_[kAvailRing + size_], std::memory_order_seq_cst);
  // Whether the event index lies in [old_used, next_used_), modulo 2^16.
  return static_cast<uint16_t>(next_used_ - guest_used_event - 1) <
         static_cast<uint16_t>(next_used_ - old_used);
}

// Without the feature the driver notifies about every chain: the flag that would stop it is only a
// hint, and every driver of today has the feature.
bool VirtQueue::EnableNotification() {
  if (has_event_idx_) {
    is_notification_enabled_ = true;
    StoreAvailEvent(next_avail_);
  }
  // May not pass the store.
  return Load(&avail_[kAvailIndex], std::memory_order_seq_cst) == next_avail_;
}

void VirtQueue::StoreAvailEvent(uint16_t index) {
  Store<uint16_t>(used_ + kUsedRingOffset + size_ * kUsedElementBytes, index,
                  std::memory_order_seq_cst);
}

VirtQueueState VirtQueue::state() const {
  VirtQueueState state = initial_;
  state.next_avail = next_avail_;
  state.next_used = next_used_;
  return state;
}

}  // namespace mayfly
