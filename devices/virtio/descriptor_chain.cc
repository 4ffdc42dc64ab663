// Reads descriptor chains.

#include "devices/virtio/descriptor_chain.h"

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "base/status.h"

namespace mayfly {
namespace {

// One read of 16 bytes: what is checked is what is used.
VirtqDescriptor CopyDescriptor(const GuestSlice& table, uint32_t index) {
  VirtqDescriptor descriptor;
  // Bytes of a trivially copyable object may be written through uint8_t*.
  table.SubSlice(size_t{index} * sizeof(descriptor), sizeof(descriptor))
      .CopyTo({reinterpret_cast<uint8_t*>(&descriptor), sizeof(descriptor)});
  return descriptor;
}

}  // namespace

absl::Status DescriptorTable::Read(uint16_t guest_head, DescriptorChain& chain) const {
  chain.head = guest_head;
  chain.readable.Clear();
  chain.writable.Clear();
  chain.writable.set_memory(memory_);
  uint32_t remaining = queue_size_;
  ASSIGN_OR_RETURN(const std::optional<VirtqDescriptor> guest_indirect,
                   Follow(table_, queue_size_, guest_head, remaining, chain));
  if (!guest_indirect) {
    return absl::OkStatus();
  }
  const uint32_t guest_table_bytes = guest_indirect->guest_length;
  if (guest_table_bytes == 0 || guest_table_bytes % sizeof(VirtqDescriptor) != 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("an indirect table has %u bytes, not a multiple of 16", guest_table_bytes));
  }
  ASSIGN_OR_RETURN(
      const GuestSlice table,
      memory_->Resolve({GuestAddress(guest_indirect->guest_address), guest_table_bytes}));
  ASSIGN_OR_RETURN(const std::optional<VirtqDescriptor> guest_nested,
                   Follow(table, guest_table_bytes / sizeof(VirtqDescriptor), 0, remaining, chain));
  if (guest_nested) {
    return absl::InvalidArgumentError("an indirect table has an indirect descriptor");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<VirtqDescriptor>> DescriptorTable::Follow(
    const GuestSlice& table, uint32_t count, uint32_t guest_index, uint32_t& remaining,
    DescriptorChain& chain) const {
  while (true) {
    if (guest_index >= count) {
      return absl::InvalidArgumentError(
          absl::StrFormat("descriptor index %u is outside of a table of %u", guest_index, count));
    }
    const VirtqDescriptor descriptor = CopyDescriptor(table, guest_index);
    const bool has_next = (descriptor.flags & VirtqDescriptor::kNext) != 0;
    if ((descriptor.flags & VirtqDescriptor::kIndirect) != 0) {
      // 2.7.5.3.1: only with the feature, and nothing follows.
      if (!is_indirect_allowed_ || has_next) {
        return absl::InvalidArgumentError(is_indirect_allowed_
                                              ? "a descriptor is indirect and has a next one"
                                              : "a descriptor is indirect without the feature");
      }
      return std::optional<VirtqDescriptor>(descriptor);
    }
    // 2.7.5.3.1: a chain, its indirect part included, is no longer than the queue. A loop ends
    // here.
    if (remaining == 0) {
      return absl::InvalidArgumentError("a chain has more descriptors than the queue");
    }
    --remaining;
    RETURN_IF_ERROR(AddBuffer(descriptor, chain));
    if (!has_next) {
      return std::optional<VirtqDescriptor>();
    }
    guest_index = descriptor.guest_next;
  }
}

absl::Status DescriptorTable::AddBuffer(const VirtqDescriptor& descriptor,
                                        DescriptorChain& chain) const {
  if (descriptor.guest_length == 0) {
    return absl::InvalidArgumentError("a descriptor has length 0");
  }
  ASSIGN_OR_RETURN(const GuestSlice slice, memory_->Resolve({GuestAddress(descriptor.guest_address),
                                                             descriptor.guest_length}));
  if ((descriptor.flags & VirtqDescriptor::kWrite) != 0) {
    chain.writable.Add(slice);
    return absl::OkStatus();
  }
  if (!chain.writable.empty()) {
    return absl::InvalidArgumentError("a readable descriptor follows a writable one");
  }
  chain.readable.Add(slice);
  return absl::OkStatus();
}

}  // namespace mayfly
