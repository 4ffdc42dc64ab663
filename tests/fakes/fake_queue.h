// FakeQueue: the driver's side of a split virtqueue, in guest memory, well-behaved or not.

#ifndef MAYFLY_TESTS_FAKES_FAKE_QUEUE_H_
#define MAYFLY_TESTS_FAKES_FAKE_QUEUE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/guest_memory.h"
#include "devices/virtio/descriptor_chain.h"
#include "devices/virtio/virt_queue.h"

namespace mayfly {

// Lays out descriptor table, available ring and used ring one behind the other (virtio 1.2, 2.7).
// Add() takes descriptors that are free and TakeUsed() frees them; a test that wants a malformed
// ring writes its parts one by one instead. One thread.
class FakeQueue {
 public:
  struct Used {
    uint32_t head = 0;
    uint32_t written_bytes = 0;
  };

  // What the three parts take at most.
  static constexpr uint64_t kMaxBytes = 0x2000;

  // `memory` outlives it. `start` is a multiple of 16, `size` a power of two.
  FakeQueue(const GuestMemory* memory, uint64_t start, uint16_t size)
      : memory_(memory),
        size_(size),
        descriptors_(start),
        avail_(descriptors_ + uint64_t{16} * size),
        used_((avail_ + 6 + uint64_t{2} * size + 3) & ~uint64_t{3}) {
    Clear();
  }

  // As a driver begins: nothing is available or used, every descriptor is free.
  void Clear() {
    const std::vector<uint8_t> zeroes(used_ + 6 + uint64_t{8} * size_ - descriptors_);
    MAYFLY_CHECK(memory_->Write(GuestAddress(descriptors_), zeroes).ok());
    avail_index_ = 0;
    seen_used_ = 0;
    chains_.clear();
    free_.clear();
    for (uint16_t i = size_; i > 0; --i) {
      free_.push_back(static_cast<uint16_t>(i - 1));
    }
  }

  uint16_t size() const { return size_; }
  uint64_t descriptors() const { return descriptors_; }
  uint64_t avail() const { return avail_; }
  uint64_t used() const { return used_; }
  // The registers of a queue that is ready.
  VirtQueueState state() const {
    return {.guest_size = size_,
            .guest_descriptors = GuestAddress(descriptors_),
            .guest_avail = GuestAddress(avail_),
            .guest_used = GuestAddress(used_),
            .is_ready = true};
  }

  // Links the buffers to a chain and makes it available. `buffers` are as many as are free at most;
  // their kNext flags and next indices are set here. Returns the head.
  uint16_t Add(std::vector<VirtqDescriptor> buffers) {
    const uint16_t head = Link(std::move(buffers));
    MakeAvailable(head);
    return head;
  }

  // The same without making it available.
  uint16_t Link(std::vector<VirtqDescriptor> buffers) {
    MAYFLY_CHECK(!buffers.empty() && buffers.size() <= free_.size());
    std::vector<uint16_t> indices;
    for (size_t i = 0; i < buffers.size(); ++i) {
      indices.push_back(free_.back());
      free_.pop_back();
    }
    for (size_t i = 0; i < buffers.size(); ++i) {
      if (i + 1 < buffers.size()) {
        buffers[i].flags |= VirtqDescriptor::kNext;
        buffers[i].guest_next = indices[i + 1];
      }
      WriteDescriptor(indices[i], buffers[i]);
    }
    const uint16_t head = indices[0];
    chains_[head] = std::move(indices);
    return head;
  }

  void WriteDescriptor(uint16_t index, const VirtqDescriptor& descriptor) {
    Put(descriptors_ + uint64_t{16} * index, descriptor);
  }

  void MakeAvailable(uint16_t head) {
    SetAvailEntry(avail_index_, head);
    SetAvailIndex(static_cast<uint16_t>(avail_index_ + 1));
  }
  void SetAvailEntry(uint16_t position, uint16_t head) {
    Put(avail_ + 4 + uint64_t{2} * (position % size_), head);
  }
  void SetAvailIndex(uint16_t index) {
    avail_index_ = index;
    Put(avail_ + 2, index);
  }
  uint16_t avail_index() const { return avail_index_; }
  // The driver wants no interrupt (without EVENT_IDX).
  void SetNoInterrupt(bool is_set) { Put<uint16_t>(avail_, is_set ? 1 : 0); }
  // The driver wants an interrupt when the used index passes this one (with EVENT_IDX).
  void SetUsedEvent(uint16_t index) { Put(avail_ + 4 + uint64_t{2} * size_, index); }

  uint16_t used_flags() const { return Get<uint16_t>(used_); }
  uint16_t used_index() const { return Get<uint16_t>(used_ + 2); }
  // Where the device wants a notification (with EVENT_IDX).
  uint16_t avail_event() const { return Get<uint16_t>(used_ + 4 + uint64_t{8} * size_); }

  // The next chain that came back.
  std::optional<Used> TakeUsed() {
    if (used_index() == seen_used_) {
      return std::nullopt;
    }
    const uint64_t element = used_ + 4 + uint64_t{8} * (seen_used_ % size_);
    const Used used = {.head = Get<uint32_t>(element), .written_bytes = Get<uint32_t>(element + 4)};
    ++seen_used_;
    const auto chain = chains_.find(static_cast<uint16_t>(used.head));
    if (chain != chains_.end()) {
      free_.insert(free_.end(), chain->second.rbegin(), chain->second.rend());
      chains_.erase(chain);
    }
    return used;
  }
  // Used chains not yet taken.
  uint16_t used_count() const { return static_cast<uint16_t>(used_index() - seen_used_); }
  size_t free_descriptor_count() const { return free_.size(); }
  // Whether Add or Link made a chain of this head that is not back.
  bool IsOutstanding(uint32_t head) const {
    return head < size_ && chains_.count(static_cast<uint16_t>(head)) > 0;
  }
  size_t outstanding_count() const { return chains_.size(); }

 private:
  template <typename T>
  void Put(uint64_t address, const T& value) {
    MAYFLY_CHECK(memory_->WriteObject(GuestAddress(address), value).ok());
  }
  template <typename T>
  T Get(uint64_t address) const {
    const auto value = memory_->ReadObject<T>(GuestAddress(address));
    MAYFLY_CHECK(value.ok());
    return *value;
  }

  const GuestMemory* memory_;
  uint16_t size_;
  uint64_t descriptors_;
  uint64_t avail_;
  uint64_t used_;
  uint16_t avail_index_ = 0;
  uint16_t seen_used_ = 0;
  std::vector<uint16_t> free_;
  // The descriptors of each chain that Add or Link made and that is not back, by its head.
  std::map<uint16_t, std::vector<uint16_t>> chains_;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_FAKE_QUEUE_H_
