// SegmentList: the buffers of a descriptor chain that go in one direction, in order.

#ifndef MAYFLY_DEVICES_VIRTIO_SEGMENT_LIST_H_
#define MAYFLY_DEVICES_VIRTIO_SEGMENT_LIST_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/guest_memory.h"

namespace mayfly {

// Pieces of guest RAM, each checked, as the kernel's I/O calls take them. A driver may cut a
// request into buffers as it likes (virtio 1.2, 2.7.4), so whoever parses takes bytes off either
// end instead of counting buffers. Valid as long as the GuestMemory. Loop thread only; keeps its
// storage when cleared.
//
// Where the pieces are to be written, what is written through the list is marked in the memory
// (GuestMemory::MarkWritten); whoever lets the kernel write to segments() marks that.
class SegmentList {
 public:
  void Clear();
  // Where to mark what is written; outlives the list's use. Stays when the list is cleared.
  void set_memory(const GuestMemory* memory) { memory_ = memory; }
  // Empty slices are left out.
  void Add(const GuestSlice& slice);
  // Adds memory of the monitor's own, for what a call of the kernel moves beyond the guest's.
  void AddHost(std::span<uint8_t> bytes);
  // Adds the first `size_bytes` of the other list, or all when it has fewer. Marks where that one
  // does.
  void AddFront(const SegmentList& other, uint64_t size_bytes);

  std::span<const iovec> segments() const {
    return std::span<const iovec>(segments_).subspan(first_);
  }
  uint64_t size_bytes() const { return size_bytes_; }
  bool empty() const { return size_bytes_ == 0; }

  // Copies the first bytes out and drops them. False, and nothing dropped, when there are fewer.
  bool TakeFront(std::span<uint8_t> out);
  // Drops the last byte and says where it is; null when the list is empty.
  uint8_t* TakeLastByte();
  // `size_bytes` is at most size_bytes().
  void DropFront(uint64_t size_bytes);

  // Writes the byte that TakeLastByte gave.
  void StoreTaken(uint8_t* byte, uint8_t value) const;
  // The kernel wrote the first `size_bytes`, or as far as the list goes.
  void MarkWritten(uint64_t size_bytes) const;
  // Copies `in` to the list's bytes from `offset_bytes` on, as far as they go; returns how many.
  uint64_t CopyFrom(uint64_t offset_bytes, std::span<const uint8_t> in) const;
  // Copies the first bytes out, as far as they go; returns how many.
  uint64_t CopyTo(std::span<uint8_t> out) const;

 private:
  void MarkPart(const uint8_t* data, uint64_t size_bytes) const {
    if (memory_ != nullptr) {
      memory_->MarkWritten(data, size_bytes);
    }
  }

  const GuestMemory* memory_ = nullptr;
  std::vector<iovec> segments_;
  size_t first_ = 0;
  uint64_t size_bytes_ = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_SEGMENT_LIST_H_
