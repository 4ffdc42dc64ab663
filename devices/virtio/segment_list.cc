// Takes bytes off segments.

#include "devices/virtio/segment_list.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/guest_read_hook.h"

namespace mayfly {

void SegmentList::Clear() {
  segments_.clear();
  first_ = 0;
  size_bytes_ = 0;
}

void SegmentList::Add(const GuestSlice& slice) {
  if (slice.size_bytes() > 0) {
    segments_.push_back({.iov_base = slice.data(), .iov_len = slice.size_bytes()});
    size_bytes_ += slice.size_bytes();
  }
}

void SegmentList::AddHost(std::span<uint8_t> bytes) {
  segments_.push_back({.iov_base = bytes.data(), .iov_len = bytes.size()});
  size_bytes_ += bytes.size();
}

void SegmentList::AddFront(const SegmentList& other, uint64_t size_bytes) {
  memory_ = other.memory_;
  for (const iovec& segment : other.segments()) {
    const uint64_t part_bytes = std::min<uint64_t>(segment.iov_len, size_bytes);
    if (part_bytes == 0) {
      return;
    }
    segments_.push_back({.iov_base = segment.iov_base, .iov_len = part_bytes});
    size_bytes_ += part_bytes;
    size_bytes -= part_bytes;
  }
}

bool SegmentList::TakeFront(std::span<uint8_t> out) {
  if (out.size() > size_bytes_) {
    return false;
  }
  CopyTo(out);
  DropFront(out.size());
  return true;
}

uint8_t* SegmentList::TakeLastByte() {
  if (empty()) {
    return nullptr;
  }
  iovec& last = segments_.back();
  uint8_t* byte = static_cast<uint8_t*>(last.iov_base) + last.iov_len - 1;
  --size_bytes_;
  if (--last.iov_len == 0) {
    segments_.pop_back();
  }
  return byte;
}

void SegmentList::DropFront(uint64_t size_bytes) {
  MAYFLY_CHECK(size_bytes <= size_bytes_);
  size_bytes_ -= size_bytes;
  while (size_bytes > 0) {
    iovec& segment = segments_[first_];
    if (size_bytes < segment.iov_len) {
      segment.iov_base = static_cast<uint8_t*>(segment.iov_base) + size_bytes;
      segment.iov_len -= size_bytes;
      return;
    }
    size_bytes -= segment.iov_len;
    ++first_;
  }
}

void SegmentList::StoreTaken(uint8_t* byte, uint8_t value) const {
  *byte = value;
  MarkPart(byte, 1);
}

void SegmentList::MarkWritten(uint64_t size_bytes) const {
  if (memory_ == nullptr || !memory_->tracks_writes()) {
    return;
  }
  for (const iovec& segment : segments()) {
    const uint64_t part_bytes = std::min<uint64_t>(segment.iov_len, size_bytes);
    if (part_bytes == 0) {
      return;
    }
    MarkPart(static_cast<const uint8_t*>(segment.iov_base), part_bytes);
    size_bytes -= part_bytes;
  }
}

uint64_t SegmentList::CopyFrom(uint64_t offset_bytes, std::span<const uint8_t> in) const {
  uint64_t copied_bytes = 0;
  for (const iovec& segment : segments()) {
    if (offset_bytes >= segment.iov_len) {
      offset_bytes -= segment.iov_len;
      continue;
    }
    const uint64_t part_bytes =
        std::min<uint64_t>(segment.iov_len - offset_bytes, in.size() - copied_bytes);
    if (part_bytes == 0) {
      break;
    }
    uint8_t* part = static_cast<uint8_t*>(segment.iov_base) + offset_bytes;
    std::memcpy(part, in.data() + copied_bytes, part_bytes);
    MarkPart(part, part_bytes);
    copied_bytes += part_bytes;
    offset_bytes = 0;
  }
  return copied_bytes;
}

uint64_t SegmentList::CopyTo(std::span<uint8_t> out) const {
  uint64_t copied_bytes = 0;
  for (const iovec& segment : segments()) {
    const uint64_t part_bytes = std::min<uint64_t>(segment.iov_len, out.size() - copied_bytes);
    if (part_bytes == 0) {
      break;
    }
    std::memcpy(out.data() + copied_bytes, segment.iov_base, part_bytes);
    guest_read_hook::AfterRead({static_cast<uint8_t*>(segment.iov_base), part_bytes});
    copied_bytes += part_bytes;
  }
  // As in GuestSlice::CopyTo: the copy is not to be made again where it is used.
  asm volatile("" : : "r"(out.data()) : "memory");
  return copied_bytes;
}

}  // namespace mayfly
