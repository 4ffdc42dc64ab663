// Ipv4Packet: an IPv4 packet, checked, and the header of one to send.

#ifndef MAYFLY_DEVICES_MMDS_IPV4_PACKET_H_
#define MAYFLY_DEVICES_MMDS_IPV4_PACKET_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"

namespace mayfly {

inline constexpr size_t kIpv4HeaderBytes = 20;
inline constexpr uint8_t kIpProtocolTcp = 6;

// RFC 791. Addresses are numbers: 127.0.0.1 is 0x7f000001.
struct Ipv4Packet {
  uint32_t source = 0;
  uint32_t destination = 0;
  uint8_t protocol = 0;
  // Inside what was parsed.
  std::span<const uint8_t> payload;

  // InvalidArgument when a length is wrong, the version is not 4, the header's checksum does not
  // hold, or `bytes` is a fragment. Options are skipped, and so is what follows the packet, such as
  // a short frame's padding.
  static absl::StatusOr<Ipv4Packet> Parse(std::span<const uint8_t> bytes);
};

// Writes a header without options for `payload_bytes`; `out` has room for kIpv4HeaderBytes, and
// both together are below 64 KiB.
void WriteIpv4Header(const Ipv4Packet& packet, size_t payload_bytes, std::span<uint8_t> out);

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_MMDS_IPV4_PACKET_H_
