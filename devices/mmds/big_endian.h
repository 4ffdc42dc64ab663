// Numbers of network protocols: big-endian, at any address.

#ifndef MAYFLY_DEVICES_MMDS_BIG_ENDIAN_H_
#define MAYFLY_DEVICES_MMDS_BIG_ENDIAN_H_

#include <cstdint>

namespace mayfly {

// `bytes` has room for the number; that it does is the caller's to check.
inline uint16_t LoadBig16(const uint8_t* bytes) {
  return static_cast<uint16_t>(bytes[0] << 8 | bytes[1]);
}
inline uint32_t LoadBig32(const uint8_t* bytes) {
  return uint32_t{LoadBig16(bytes)} << 16 | LoadBig16(bytes + 2);
}
inline void StoreBig16(uint8_t* bytes, uint16_t value) {
  bytes[0] = static_cast<uint8_t>(value >> 8);
  bytes[1] = static_cast<uint8_t>(value & 0xff);
}
inline void StoreBig32(uint8_t* bytes, uint32_t value) {
  StoreBig16(bytes, static_cast<uint16_t>(value >> 16));
  StoreBig16(bytes + 2, static_cast<uint16_t>(value & 0xffff));
}

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_MMDS_BIG_ENDIAN_H_
