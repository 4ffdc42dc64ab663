// Reads and writes IPv4 headers.

#include "devices/mmds/ipv4_packet.h"

#include <algorithm>

#include "base/check.h"
#include "devices/mmds/big_endian.h"
#include "devices/mmds/internet_checksum.h"

namespace mayfly {
namespace {

constexpr size_t kTotalLengthOffset = 2;
constexpr size_t kFragmentOffset = 6;
constexpr size_t kTimeToLiveOffset = 8;
constexpr size_t kProtocolOffset = 9;
constexpr size_t kChecksumOffset = 10;
constexpr size_t kSourceOffset = 12;
constexpr size_t kDestinationOffset = 16;

constexpr uint16_t kDontFragment = 0x4000;
// More fragments, or an offset.
constexpr uint16_t kFragmentMask = 0x3fff;
constexpr uint8_t kTimeToLive = 64;

}  // namespace

absl::StatusOr<Ipv4Packet> Ipv4Packet::Parse(std::span<const uint8_t> bytes) {
  if (bytes.size() < kIpv4HeaderBytes || bytes[0] >> 4 != 4) {
    return absl::InvalidArgumentError("no IPv4 header");
  }
  const size_t header_bytes = size_t{4} * (bytes[0] & 0xf);
  const size_t total_bytes = LoadBig16(bytes.data() + kTotalLengthOffset);
  if (header_bytes < kIpv4HeaderBytes || header_bytes > total_bytes || total_bytes > bytes.size()) {
    return absl::InvalidArgumentError("a length in an IPv4 header is wrong");
  }
  InternetChecksum checksum;
  checksum.Add(bytes.first(header_bytes));
  if (checksum.Value() != 0) {
    return absl::InvalidArgumentError("the checksum of an IPv4 header is wrong");
  }
  if ((LoadBig16(bytes.data() + kFragmentOffset) & kFragmentMask) != 0) {
    return absl::InvalidArgumentError("a fragment");
  }
  return Ipv4Packet{.source = LoadBig32(bytes.data() + kSourceOffset),
                    .destination = LoadBig32(bytes.data() + kDestinationOffset),
                    .protocol = bytes[kProtocolOffset],
                    .payload = bytes.subspan(header_bytes, total_bytes - header_bytes)};
}

void WriteIpv4Header(const Ipv4Packet& packet, size_t payload_bytes, std::span<uint8_t> out) {
  MAYFLY_CHECK(out.size() >= kIpv4HeaderBytes && payload_bytes <= 0xffff - kIpv4HeaderBytes);
  std::fill_n(out.begin(), kIpv4HeaderBytes, uint8_t{0});
  out[0] = 4 << 4 | kIpv4HeaderBytes / 4;
  StoreBig16(out.data() + kTotalLengthOffset,
             static_cast<uint16_t>(kIpv4HeaderBytes + payload_bytes));
  StoreBig16(out.data() + kFragmentOffset, kDontFragment);
  out[kTimeToLiveOffset] = kTimeToLive;
  out[kProtocolOffset] = packet.protocol;
  StoreBig32(out.data() + kSourceOffset, packet.source);
  StoreBig32(out.data() + kDestinationOffset, packet.destination);
  InternetChecksum checksum;
  checksum.Add(out.first(kIpv4HeaderBytes));
  StoreBig16(out.data() + kChecksumOffset, checksum.Value());
}

}  // namespace mayfly
