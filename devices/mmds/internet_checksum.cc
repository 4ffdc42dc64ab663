// One's-complement sums.

#include "devices/mmds/internet_checksum.h"

#include <cstddef>

#include "devices/mmds/big_endian.h"

namespace mayfly {

void InternetChecksum::Add(std::span<const uint8_t> bytes) {
  size_t i = 0;
  for (; i + 1 < bytes.size(); i += 2) {
    sum_ += LoadBig16(bytes.data() + i);
  }
  if (i < bytes.size()) {
    sum_ += uint32_t{bytes[i]} << 8;
  }
}

uint16_t InternetChecksum::Value() const {
  uint32_t folded = (sum_ & 0xffff) + (sum_ >> 16);
  folded = (folded & 0xffff) + (folded >> 16);
  return static_cast<uint16_t>(~folded & 0xffff);
}

}  // namespace mayfly
