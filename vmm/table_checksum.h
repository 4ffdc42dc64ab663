// TableChecksum: what makes the bytes of a firmware table add up to 0.

#ifndef MAYFLY_VMM_TABLE_CHECKSUM_H_
#define MAYFLY_VMM_TABLE_CHECKSUM_H_

#include <cstdint>
#include <numeric>
#include <span>

namespace mayfly {

// The value for the checksum field of `table`, in which that field is still 0. MP and ACPI tables
// have the same rule.
inline uint8_t TableChecksum(std::span<const uint8_t> table) {
  return static_cast<uint8_t>(-std::accumulate(table.begin(), table.end(), uint32_t{0}));
}

}  // namespace mayfly

#endif  // MAYFLY_VMM_TABLE_CHECKSUM_H_
