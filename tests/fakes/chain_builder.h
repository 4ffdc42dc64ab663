// ChainBuilder: the buffers of one request, for FakeQueue to link.

#ifndef MAYFLY_TESTS_FAKES_CHAIN_BUILDER_H_
#define MAYFLY_TESTS_FAKES_CHAIN_BUILDER_H_

#include <cstdint>
#include <vector>

#include "base/check.h"
#include "base/guest_memory.h"
#include "devices/virtio/descriptor_chain.h"

namespace mayfly {

// Checks nothing, so that a test can build what a hostile driver would.
//
//   queue.Add(ChainBuilder().Readable(header, 16).Writable(data, 512).Writable(status, 1).Build());
//   queue.Add(ChainBuilder().Readable(header, 16).Writable(status, 1).Indirect(memory, table));
class ChainBuilder {
 public:
  // What the device reads.
  ChainBuilder& Readable(uint64_t address, uint32_t length) {
    return Raw({.guest_address = address, .guest_length = length});
  }
  // What the device writes.
  ChainBuilder& Writable(uint64_t address, uint32_t length) {
    return Raw(
        {.guest_address = address, .guest_length = length, .flags = VirtqDescriptor::kWrite});
  }
  // Any descriptor; its flags stay, kNext is added where the chain goes on.
  ChainBuilder& Raw(const VirtqDescriptor& descriptor) {
    descriptors_.push_back(descriptor);
    return *this;
  }

  size_t size() const { return descriptors_.size(); }
  std::vector<VirtqDescriptor> Build() const {
    // One by one: gcc 12 sees a null pointer in the copy of the whole vector under ThreadSanitizer.
    std::vector<VirtqDescriptor> buffers;
    for (const VirtqDescriptor& descriptor : descriptors_) {
      buffers.push_back(descriptor);
    }
    return buffers;
  }

  // Writes the buffers as an indirect table to `table` and returns the descriptor that names it.
  std::vector<VirtqDescriptor> Indirect(const GuestMemory& memory, uint64_t table) const {
    for (size_t i = 0; i < descriptors_.size(); ++i) {
      VirtqDescriptor descriptor = descriptors_[i];
      if (i + 1 < descriptors_.size()) {
        descriptor.flags |= VirtqDescriptor::kNext;
        descriptor.guest_next = static_cast<uint16_t>(i + 1);
      }
      MAYFLY_CHECK(
          memory.WriteObject(GuestAddress(table + i * sizeof(descriptor)), descriptor).ok());
    }
    return {
        IndirectTo(table, static_cast<uint32_t>(descriptors_.size() * sizeof(VirtqDescriptor)))};
  }

  static VirtqDescriptor IndirectTo(uint64_t table, uint32_t size_bytes) {
    return {
        .guest_address = table, .guest_length = size_bytes, .flags = VirtqDescriptor::kIndirect};
  }

 private:
  std::vector<VirtqDescriptor> descriptors_;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_CHAIN_BUILDER_H_
