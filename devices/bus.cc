// Bus lookups.

#include "devices/bus.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "base/checked_math.h"

namespace mayfly {

absl::Status Bus::Attach(uint64_t start, uint64_t size_bytes, BusDevice* device) {
  const auto end = CheckedAdd(start, size_bytes);
  if (size_bytes == 0 || !end) {
    return absl::InvalidArgumentError(absl::StrFormat("bus range %#x+%#x", start, size_bytes));
  }
  const auto next = std::find_if(entries_.begin(), entries_.end(),
                                 [&](const Entry& entry) { return entry.start >= start; });
  const bool overlaps_next = next != entries_.end() && next->start < *end;
  const bool overlaps_previous =
      next != entries_.begin() && start - std::prev(next)->start < std::prev(next)->size_bytes;
  if (overlaps_next || overlaps_previous) {
    return absl::AlreadyExistsError(
        absl::StrFormat("bus range %#x+%#x overlaps another device", start, size_bytes));
  }
  entries_.insert(next, Entry{start, size_bytes, device});
  return absl::OkStatus();
}

const Bus::Entry* Bus::Find(uint64_t guest_address) const {
  const auto next =
      std::upper_bound(entries_.begin(), entries_.end(), guest_address,
                       [](uint64_t address, const Entry& entry) { return address < entry.start; });
  if (next == entries_.begin()) {
    return nullptr;
  }
  const Entry& entry = *std::prev(next);
  return guest_address - entry.start < entry.size_bytes ? &entry : nullptr;
}

bool Bus::Read(uint64_t guest_address, std::span<uint8_t> data) const {
  const Entry* entry = Find(guest_address);
  if (entry == nullptr) {
    std::fill(data.begin(), data.end(), uint8_t{0xff});
    return false;
  }
  entry->device->Read(guest_address - entry->start, data);
  return true;
}

bool Bus::Write(uint64_t guest_address, std::span<const uint8_t> guest_data) const {
  const Entry* entry = Find(guest_address);
  if (entry == nullptr) {
    return false;
  }
  entry->device->Write(guest_address - entry->start, guest_data);
  return true;
}

}  // namespace mayfly
