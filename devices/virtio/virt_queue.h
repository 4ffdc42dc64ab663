// VirtQueue: the device's side of a split virtqueue.

#ifndef MAYFLY_DEVICES_VIRTIO_VIRT_QUEUE_H_
#define MAYFLY_DEVICES_VIRTIO_VIRT_QUEUE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/guest_address.h"
#include "base/guest_memory.h"
#include "devices/virtio/descriptor_chain.h"

namespace mayfly {

// What a driver wrote to a queue's registers, unchecked, and how far the device got. A plain value.
struct VirtQueueState {
  uint32_t guest_size = 0;
  GuestAddress guest_descriptors;
  GuestAddress guest_avail;
  GuestAddress guest_used;
  bool is_ready = false;
  // Where the next available entry is taken and the next used one is put, modulo 2^16.
  uint16_t next_avail = 0;
  uint16_t next_used = 0;
  // Chains that were taken and not given back, which are as many as next_avail is ahead of
  // next_used. A queue that is made from this hands them out again, in this order, before those of
  // the ring.
  std::vector<uint16_t> taken_heads;

  bool operator==(const VirtQueueState&) const = default;
};

// Virtio 1.2, section 2.7. Owned by its device; loop thread only.
//
// Everything the driver writes is read once and checked. An error of Pop means that the ring itself
// is broken: nothing more is to be taken from it until the driver resets the device.
//
//   while (true) {
//     ASSIGN_OR_RETURN(const bool has_chain, queue.Pop(chain));
//     if (!has_chain) break;
//     ...
//     queue.PushUsed(chain.head, written_bytes);
//   }
//   if (queue.Publish()) irq->Trigger();
//   if (queue.EnableNotification()) sleep();
class VirtQueue {
 public:
  struct Features {
    bool has_event_idx = false;
    bool has_indirect = false;
  };

  // InvalidArgument when the size is not a power of two from 1 to kQueueMaxSize, a part is not in
  // RAM or not aligned as section 2.7 asks; when a taken head is outside of the queue or named
  // twice, or their number is not what the indices say.
  static absl::StatusOr<VirtQueue> Create(const VirtQueueState& state, const GuestMemory* memory,
                                          const Features& features);

  // Whether Pop would find a chain, or an error.
  bool HasAvailable() const { return !taken_.empty() || LoadAvailIndex() != next_avail_; }
  // Takes the next available chain. False when there is none. InvalidArgument or OutOfRange when
  // the driver broke a rule: those of DescriptorTable, an available index more than the queue's
  // size ahead, a head that is in flight already.
  absl::StatusOr<bool> Pop(DescriptorChain& chain);
  // Takes back the last Pop, whose chain has head `head`: the next one gives it again.
  void UndoPop(uint16_t head);
  // Hands a chain that Pop gave back to the driver, which sees it after Publish. What was written
  // to its buffers was marked (GuestMemory::MarkWritten); the rings are marked here.
  void PushUsed(uint16_t head, uint32_t written_bytes);
  // Makes what was pushed visible. True when the driver wants an interrupt for it. Takes back the
  // wish for a notification, as whoever publishes is awake: a driver that answers with new chains
  // need not notify.
  bool Publish();

  // Asks for a notification of the next chain. False when one is there already: take it first.
  bool EnableNotification();

  uint16_t size() const { return size_; }
  // Chains that Pop gave and that are not yet given back.
  uint16_t in_flight_count() const { return in_flight_count_; }
  // Those in flight are taken heads, before those that Pop has yet to give.
  VirtQueueState state() const;

 private:
  VirtQueue(const VirtQueueState& state, const GuestMemory* memory, const DescriptorTable& table,
            const GuestSlice& avail, const GuestSlice& used, const Features& features);

  // The head of the next chain of the ring; nothing when there is none.
  absl::StatusOr<std::optional<uint16_t>> NextInRing() const;
  uint16_t LoadAvailIndex() const;
  void StoreAvailEvent(uint16_t index);

  // What the driver wrote, without progress.
  VirtQueueState registers_;
  const GuestMemory* memory_;
  DescriptorTable table_;
  uint16_t* avail_;  // flags, index, ring[size], used_event
  uint8_t* used_;    // flags, index, ring[size] of {id, length}, avail_event
  uint16_t size_;
  bool has_event_idx_;
  bool is_notification_enabled_ = false;
  uint16_t next_avail_;
  uint16_t next_used_;
  // Of next_used_, what the driver was shown last.
  uint16_t published_used_;
  uint16_t in_flight_count_ = 0;
  std::vector<bool> is_in_flight_;
  // Taken from the ring and to be given by Pop, the last first.
  std::vector<uint16_t> taken_;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_VIRT_QUEUE_H_
