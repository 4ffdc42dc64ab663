// GuestAddress and GuestRange: guest physical addresses as types of their own.

#ifndef MAYFLY_BASE_GUEST_ADDRESS_H_
#define MAYFLY_BASE_GUEST_ADDRESS_H_

#include <compare>
#include <cstdint>
#include <optional>

#include "base/checked_math.h"

namespace mayfly {

// A guest physical address. There is no operator+ on purpose: only the checked form exists.
class GuestAddress {
 public:
  constexpr GuestAddress() = default;
  constexpr explicit GuestAddress(uint64_t value) : value_(value) {}

  constexpr uint64_t value() const { return value_; }
  constexpr auto operator<=>(const GuestAddress&) const = default;

  // The address `offset_bytes` further up, or nothing past 2^64.
  constexpr std::optional<GuestAddress> CheckedAdd(uint64_t offset_bytes) const {
    const auto sum = mayfly::CheckedAdd(value_, offset_bytes);
    if (!sum) {
      return std::nullopt;
    }
    return GuestAddress(*sum);
  }

 private:
  uint64_t value_ = 0;
};

// [start, start + size_bytes). May be any pair of values until GuestMemory resolved it.
struct GuestRange {
  GuestAddress start;
  uint64_t size_bytes = 0;

  // The first address past the range, or nothing past 2^64.
  constexpr std::optional<GuestAddress> end() const { return start.CheckedAdd(size_bytes); }

  constexpr bool operator==(const GuestRange&) const = default;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_GUEST_ADDRESS_H_
