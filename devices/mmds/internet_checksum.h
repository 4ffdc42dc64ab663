// InternetChecksum: the checksum of IPv4 and TCP.

#ifndef MAYFLY_DEVICES_MMDS_INTERNET_CHECKSUM_H_
#define MAYFLY_DEVICES_MMDS_INTERNET_CHECKSUM_H_

#include <cstdint>
#include <span>

namespace mayfly {

// RFC 1071. Add the parts in order: all but the last have an even size, and together they have at
// most 128 KiB. Over bytes that hold their own checksum Value is 0.
class InternetChecksum {
 public:
  void Add(std::span<const uint8_t> bytes);
  void AddWord(uint16_t word) { sum_ += word; }
  uint16_t Value() const;

 private:
  uint32_t sum_ = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_MMDS_INTERNET_CHECKSUM_H_
