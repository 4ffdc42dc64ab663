// TcpSegment: one segment of a TCP connection, checked, or one to send.

#ifndef MAYFLY_DEVICES_MMDS_TCP_SEGMENT_H_
#define MAYFLY_DEVICES_MMDS_TCP_SEGMENT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "devices/mmds/ipv4_packet.h"

namespace mayfly {

inline constexpr uint8_t kTcpFin = 0x01;
inline constexpr uint8_t kTcpSyn = 0x02;
inline constexpr uint8_t kTcpRst = 0x04;
inline constexpr uint8_t kTcpPsh = 0x08;
inline constexpr uint8_t kTcpAck = 0x10;

inline constexpr size_t kTcpHeaderBytes = 20;
// With the one option we send.
inline constexpr size_t kTcpSynHeaderBytes = 24;

// Whether sequence number `a` comes before `b`, which are less than 2 GiB apart (RFC 9293, 3.4).
inline bool IsBefore(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) < 0; }

// RFC 9293, 3.1.
struct TcpSegment {
  // Who vouches for the bytes: a guest with checksum offload leaves the checksum to the card.
  enum class Checksum { kComplete, kLeftToCard };

  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint32_t sequence = 0;
  // Meaningful with kTcpAck.
  uint32_t acknowledgment = 0;
  uint8_t flags = 0;
  uint16_t window = 0;
  // The maximum segment size option; 0 when there is none. Written when it is not 0.
  uint16_t mss = 0;
  // Inside what was parsed, or of whoever sends.
  std::span<const uint8_t> payload;

  // The payload of an IPv4 packet. InvalidArgument when a length is wrong, an option reaches beyond
  // the header, or a complete checksum does not hold.
  static absl::StatusOr<TcpSegment> Parse(const Ipv4Packet& packet, Checksum checksum);
  // Writes the segment with its checksum; `out` has room for size_bytes().
  void Write(uint32_t source, uint32_t destination, std::span<uint8_t> out) const;

  bool Has(uint8_t flag) const { return (flags & flag) != 0; }
  // In sequence numbers.
  uint32_t length() const {
    return static_cast<uint32_t>(payload.size()) + (Has(kTcpSyn) ? 1 : 0) + (Has(kTcpFin) ? 1 : 0);
  }
  size_t size_bytes() const {
    return (mss != 0 ? kTcpSynHeaderBytes : kTcpHeaderBytes) + payload.size();
  }
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_MMDS_TCP_SEGMENT_H_
