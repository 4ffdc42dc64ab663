// DescriptorChain: one request of a driver, its buffers copied once from the ring and checked.

#ifndef MAYFLY_DEVICES_VIRTIO_DESCRIPTOR_CHAIN_H_
#define MAYFLY_DEVICES_VIRTIO_DESCRIPTOR_CHAIN_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/guest_memory.h"
#include "devices/virtio/segment_list.h"

namespace mayfly {

// A descriptor as the driver writes it (virtio 1.2, 2.7.5), little-endian like the host.
struct VirtqDescriptor {
  static constexpr uint16_t kNext = 1;
  static constexpr uint16_t kWrite = 2;
  static constexpr uint16_t kIndirect = 4;

  uint64_t guest_address = 0;
  uint32_t guest_length = 0;
  uint16_t flags = 0;
  uint16_t guest_next = 0;
};
static_assert(sizeof(VirtqDescriptor) == 16);

// What VirtQueue::Pop fills in; reused for request after request, so that taking one costs no
// allocation once it has grown. At most the queue's size of buffers. Loop thread only.
struct DescriptorChain {
  // The id that the driver gets back.
  uint16_t head = 0;
  // What the device reads, then what it writes (2.7.4.2), which is marked in the queue's memory.
  SegmentList readable;
  SegmentList writable;
};

// The rules of a chain: where its descriptors are and what ends it.
class DescriptorTable {
 public:
  // `memory` outlives it.
  DescriptorTable(const GuestMemory* memory, const GuestSlice& table, uint16_t queue_size,
                  bool is_indirect_allowed)
      : memory_(memory),
        table_(table),
        queue_size_(queue_size),
        is_indirect_allowed_(is_indirect_allowed) {}

  // Follows the chain from `guest_head` on, reading each descriptor once. InvalidArgument with the
  // rule that the driver broke: an index outside of the table, more descriptors than the queue has
  // (which a loop is), a readable buffer behind a
  // writable one, a buffer of length 0, an indirect table that is not offered, nested, empty, too
  // long or not a multiple of 16 bytes. OutOfRange for a buffer or table outside of RAM.
  absl::Status Read(uint16_t guest_head, DescriptorChain& chain) const;

 private:
  // Follows `table` to the chain's end, or to an indirect descriptor, which it returns.
  absl::StatusOr<std::optional<VirtqDescriptor>> Follow(const GuestSlice& table, uint32_t count,
                                                        uint32_t guest_index, uint32_t& remaining,
                                                        DescriptorChain& chain) const;
  absl::Status AddBuffer(const VirtqDescriptor& descriptor, DescriptorChain& chain) const;

  const GuestMemory* memory_;
  GuestSlice table_;
  uint16_t queue_size_ = 0;
  bool is_indirect_allowed_ = false;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_DESCRIPTOR_CHAIN_H_
