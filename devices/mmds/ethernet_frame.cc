// Reads and writes Ethernet headers and ARP packets.

#include "devices/mmds/ethernet_frame.h"

#include <algorithm>

#include "base/check.h"
#include "devices/mmds/big_endian.h"

namespace mayfly {
namespace {

constexpr uint16_t kHardwareEthernet = 1;
constexpr uint16_t kOperationRequest = 1;
constexpr uint16_t kOperationReply = 2;
constexpr uint8_t kIpv4Bytes = 4;

constexpr size_t kTypeOffset = 12;

// Of an ARP packet.
constexpr size_t kProtocolOffset = 2;
constexpr size_t kHardwareSizeOffset = 4;
constexpr size_t kProtocolSizeOffset = 5;
constexpr size_t kOperationOffset = 6;
constexpr size_t kSenderOffset = 8;
constexpr size_t kSenderIpv4Offset = 14;
constexpr size_t kTargetOffset = 18;
constexpr size_t kTargetIpv4Offset = 24;

EthernetAddress LoadAddress(const uint8_t* bytes) {
  EthernetAddress address;
  std::copy_n(bytes, address.size(), address.begin());
  return address;
}

}  // namespace

std::optional<EthernetHeader> EthernetHeader::Parse(std::span<const uint8_t> frame) {
  if (frame.size() < kEthernetHeaderBytes) {
    return std::nullopt;
  }
  return EthernetHeader{.destination = LoadAddress(frame.data()),
                        .source = LoadAddress(frame.data() + std::tuple_size_v<EthernetAddress>),
                        .type = LoadBig16(frame.data() + kTypeOffset)};
}

void EthernetHeader::Write(std::span<uint8_t> out) const {
  MAYFLY_CHECK(out.size() >= kEthernetHeaderBytes);
  std::copy(destination.begin(), destination.end(), out.begin());
  std::copy(source.begin(), source.end(), out.subspan(destination.size()).begin());
  StoreBig16(out.data() + kTypeOffset, type);
}

std::optional<ArpRequest> ArpRequest::Parse(std::span<const uint8_t> packet) {
  if (packet.size() < kArpPacketBytes || LoadBig16(packet.data()) != kHardwareEthernet ||
      LoadBig16(packet.data() + kProtocolOffset) != kEtherTypeIpv4 ||
      packet[kHardwareSizeOffset] != std::tuple_size_v<EthernetAddress> ||
      packet[kProtocolSizeOffset] != kIpv4Bytes ||
      LoadBig16(packet.data() + kOperationOffset) != kOperationRequest) {
    return std::nullopt;
  }
  return ArpRequest{.sender = LoadAddress(packet.data() + kSenderOffset),
                    .sender_ipv4 = LoadBig32(packet.data() + kSenderIpv4Offset),
                    .target_ipv4 = LoadBig32(packet.data() + kTargetIpv4Offset)};
}

void WriteArpReply(const ArpRequest& request, const EthernetAddress& address,
                   std::span<uint8_t> out) {
  MAYFLY_CHECK(out.size() >= kArpPacketBytes);
  StoreBig16(out.data(), kHardwareEthernet);
  StoreBig16(out.data() + kProtocolOffset, kEtherTypeIpv4);
  out[kHardwareSizeOffset] = std::tuple_size_v<EthernetAddress>;
  out[kProtocolSizeOffset] = kIpv4Bytes;
  StoreBig16(out.data() + kOperationOffset, kOperationReply);
  std::copy(address.begin(), address.end(), out.begin() + kSenderOffset);
  StoreBig32(out.data() + kSenderIpv4Offset, request.target_ipv4);
  std::copy(request.sender.begin(), request.sender.end(), out.begin() + kTargetOffset);
  StoreBig32(out.data() + kTargetIpv4Offset, request.sender_ipv4);
}

}  // namespace mayfly
