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

absl::Status CheckProgress(const VirtQueueState& state) {
  const uint16_t ahead = static_cast<uint16_t>(state.next_avail - state.next_used);
  if (state.taken_heads.size() != ahead || ahead > state.guest_size) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%u chains are taken from a queue of %u whose indices are %u apart",
                        state.taken_heads.size(), state.guest_size, ahead));
  }
  std::vector<bool> is_taken(state.guest_size);
  for (const uint16_t head : state.taken_heads) {
    if (head >= state.guest_size || is_taken[head]) {
      return absl::InvalidArgumentError(
          absl::StrFormat("taken chain head %u is %s", head,
                          head >= state.guest_size ? "outside of the queue" : "named twice"));
    }
    is_taken[head] = true;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<VirtQueue> VirtQueue::Create(const VirtQueueState& state, const GuestMemory* memory,
                                            const Features& features) {
  const uint32_t size = state.guest_size;
  if (size > kQueueMaxSize || !std::has_single_bit(size)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("queue size %u is not a power of two from 1 to %u", size, kQueueMaxSize));
  }
  RETURN_IF_ERROR(CheckProgress(state));
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
      state, memory,
      DescriptorTable(memory, descriptors, static_cast<uint16_t>(size), features.has_indirect),
      avail, used, features);
}

VirtQueue::VirtQueue(const VirtQueueState& state, const GuestMemory* memory,
                     const DescriptorTable& table, const GuestSlice& avail, const GuestSlice& used,
                     const Features& features)
    : registers_(state),
      memory_(memory),
      table_(table),
      avail_(reinterpret_cast<uint16_t*>(avail.data())),
      used_(used.data()),
      size_(static_cast<uint16_t>(state.guest_size)),
      has_event_idx_(features.has_event_idx),
      next_avail_(state.next_avail),
      next_used_(state.next_used),
      published_used_(state.next_used),
      is_in_flight_(size_),
      taken_(state.taken_heads.rbegin(), state.taken_heads.rend()) {
  registers_.taken_heads.clear();
}

uint16_t VirtQueue::LoadAvailIndex() const {
  // Acquire: what the driver wrote before it moved the index is visible.
  return Load(&avail_[kAvailIndex], std::memory_order_acquire);
}

absl::StatusOr<std::optional<uint16_t>> VirtQueue::NextInRing() const {
  const uint16_t guest_ahead = static_cast<uint16_t>(LoadAvailIndex() - next_avail_);
  if (guest_ahead == 0) {
    return std::optional<uint16_t>();
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
  return std::optional<uint16_t>(guest_head);
}

absl::StatusOr<bool> VirtQueue::Pop(DescriptorChain& chain) {
  std::optional<uint16_t> head;
  if (taken_.empty()) {
    ASSIGN_OR_RETURN(head, NextInRing());
  } else {
    head = taken_.back();
  }
  if (!head) {
    return false;
  }
  RETURN_IF_ERROR(table_.Read(*head, chain));
  if (taken_.empty()) {
    ++next_avail_;
  } else {
    taken_.pop_back();
  }
  is_in_flight_[*head] = true;
  ++in_flight_count_;
  return true;
}

void VirtQueue::UndoPop(uint16_t head) {
  MAYFLY_CHECK(is_in_flight_[head]);
  is_in_flight_[head] = false;
  --in_flight_count_;
  taken_.push_back(head);
}

void VirtQueue::PushUsed(uint16_t head, uint32_t written_bytes) {
  MAYFLY_CHECK(is_in_flight_[head]);
  is_in_flight_[head] = false;
  --in_flight_count_;
  uint8_t* element = used_ + kUsedRingOffset + (next_used_ % size_) * kUsedElementBytes;
  Store<uint32_t>(element, head, std::memory_order_relaxed);
  Store<uint32_t>(element + sizeof(uint32_t), written_bytes, std::memory_order_relaxed);
  memory_->MarkWritten(element, kUsedElementBytes);
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
  memory_->MarkWritten(used_ + kUsedIndexOffset, sizeof(uint16_t));
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
  return Load(&avail_[kAvailIndex], std::memory_order_seq_cst) == next_avail_ && taken_.empty();
}

void VirtQueue::StoreAvailEvent(uint16_t index) {
  uint8_t* avail_event = used_ + kUsedRingOffset + size_ * kUsedElementBytes;
  Store<uint16_t>(avail_event, index, std::memory_order_seq_cst);
  memory_->MarkWritten(avail_event, sizeof(index));
}

VirtQueueState VirtQueue::state() const {
  VirtQueueState state = registers_;
  state.next_avail = next_avail_;
  state.next_used = next_used_;
  for (uint16_t head = 0; head < size_; ++head) {
    if (is_in_flight_[head]) {
      state.taken_heads.push_back(head);
    }
  }
  state.taken_heads.insert(state.taken_heads.end(), taken_.rbegin(), taken_.rend());
  return state;
}

}  // namespace mayfly
