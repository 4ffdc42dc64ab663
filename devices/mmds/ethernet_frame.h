// Ethernet frames: the header, and the ARP packets that ask for an address.

#ifndef MAYFLY_DEVICES_MMDS_ETHERNET_FRAME_H_
#define MAYFLY_DEVICES_MMDS_ETHERNET_FRAME_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace mayfly {

using EthernetAddress = std::array<uint8_t, 6>;

inline constexpr size_t kEthernetHeaderBytes = 14;
inline constexpr uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr uint16_t kEtherTypeArp = 0x0806;
// Of IPv4 over Ethernet (RFC 826).
inline constexpr size_t kArpPacketBytes = 28;

struct EthernetHeader {
  EthernetAddress destination{};
  EthernetAddress source{};
  // A frame with a VLAN tag has that tag's type.
  uint16_t type = 0;

  // Nothing when `frame` is too short for a header.
  static std::optional<EthernetHeader> Parse(std::span<const uint8_t> frame);
  // `out` has room for kEthernetHeaderBytes.
  void Write(std::span<uint8_t> out) const;
};

// Who asks, and for whom. Addresses of IPv4 are numbers: 127.0.0.1 is 0x7f000001.
struct ArpRequest {
  EthernetAddress sender{};
  uint32_t sender_ipv4 = 0;
  uint32_t target_ipv4 = 0;

  // Nothing when `packet`, what follows the frame's header, is no request, or not for IPv4 over
  // Ethernet, or too short. Padding may follow.
  static std::optional<ArpRequest> Parse(std::span<const uint8_t> packet);
};

// The packet that answers `request` with `address`; `out` has room for kArpPacketBytes.
void WriteArpReply(const ArpRequest& request, const EthernetAddress& address,
                   std::span<uint8_t> out);

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_MMDS_ETHERNET_FRAME_H_
