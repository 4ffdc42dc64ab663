// Reads and writes TCP headers.

#include "devices/mmds/tcp_segment.h"

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "devices/mmds/big_endian.h"
#include "devices/mmds/internet_checksum.h"

namespace mayfly {
namespace {

constexpr size_t kDestinationPortOffset = 2;
constexpr size_t kSequenceOffset = 4;
constexpr size_t kAcknowledgmentOffset = 8;
constexpr size_t kDataOffset = 12;
constexpr size_t kFlagsOffset = 13;
constexpr size_t kWindowOffset = 14;
constexpr size_t kChecksumOffset = 16;

constexpr uint8_t kOptionEnd = 0;
constexpr uint8_t kOptionNothing = 1;
constexpr uint8_t kOptionMss = 2;
constexpr uint8_t kOptionMssBytes = 4;

InternetChecksum PseudoHeader(uint32_t source, uint32_t destination, size_t size_bytes) {
  InternetChecksum checksum;
  for (const uint32_t address : {source, destination}) {
    checksum.AddWord(static_cast<uint16_t>(address >> 16));
    checksum.AddWord(static_cast<uint16_t>(address & 0xffff));
  }
  checksum.AddWord(kIpProtocolTcp);
  checksum.AddWord(static_cast<uint16_t>(size_bytes));
  return checksum;
}

// The maximum segment size, 0 when none is given; nothing when an option is cut off.
std::optional<uint16_t> ParseOptions(std::span<const uint8_t> options) {
  uint16_t mss = 0;
  while (!options.empty() && options[0] != kOptionEnd) {
    if (options[0] == kOptionNothing) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) {
      return std::nullopt;
    }
    if (options[0] == kOptionMss && options[1] == kOptionMssBytes) {
      mss = LoadBig16(options.data() + 2);
    }
    options = options.subspan(options[1]);
  }
  return mss;
}

}  // namespace

absl::StatusOr<TcpSegment> TcpSegment::Parse(const Ipv4Packet& packet, Checksum checksum) {
  const std::span<const uint8_t> bytes = packet.payload;
  if (bytes.size() < kTcpHeaderBytes) {
    return absl::InvalidArgumentError("no TCP header");
  }
  const size_t header_bytes = size_t{4} * (bytes[kDataOffset] >> 4);
  if (header_bytes < kTcpHeaderBytes || header_bytes > bytes.size()) {
    return absl::InvalidArgumentError("the length in a TCP header is wrong");
  }
  if (checksum == Checksum::kComplete) {
    InternetChecksum sum = PseudoHeader(packet.source, packet.destination, bytes.size());
    sum.Add(bytes);
    if (sum.Value() != 0) {
      return absl::InvalidArgumentError("the checksum of a TCP segment is wrong");
    }
  }
  const std::optional<uint16_t> mss =
      ParseOptions(bytes.subspan(kTcpHeaderBytes, header_bytes - kTcpHeaderBytes));
  if (!mss.has_value()) {
    return absl::InvalidArgumentError("an option in a TCP header is cut off");
  }
  return TcpSegment{.source_port = LoadBig16(bytes.data()),
                    .destination_port = LoadBig16(bytes.data() + kDestinationPortOffset),
                    .sequence = LoadBig32(bytes.data() + kSequenceOffset),
                    .acknowledgment = LoadBig32(bytes.data() + kAcknowledgmentOffset),
                    .flags = bytes[kFlagsOffset],
                    .window = LoadBig16(bytes.data() + kWindowOffset),
                    .mss = *mss,
                    .payload = bytes.subspan(header_bytes)};
}

void TcpSegment::Write(uint32_t source, uint32_t destination, std::span<uint8_t> out) const {
  MAYFLY_CHECK(out.size() >= size_bytes());
  const size_t header_bytes = size_bytes() - payload.size();
  std::fill_n(out.begin(), header_bytes, uint8_t{0});
  StoreBig16(out.data(), source_port);
  StoreBig16(out.data() + kDestinationPortOffset, destination_port);
  StoreBig32(out.data() + kSequenceOffset, sequence);
  StoreBig32(out.data() + kAcknowledgmentOffset, acknowledgment);
  out[kDataOffset] = static_cast<uint8_t>(header_bytes / 4 << 4);
  out[kFlagsOffset] = flags;
  StoreBig16(out.data() + kWindowOffset, window);
  if (mss != 0) {
    out[kTcpHeaderBytes] = kOptionMss;
    out[kTcpHeaderBytes + 1] = kOptionMssBytes;
    StoreBig16(out.data() + kTcpHeaderBytes + 2, mss);
  }
  std::copy(payload.begin(), payload.end(), out.begin() + static_cast<ptrdiff_t>(header_bytes));
  InternetChecksum checksum = PseudoHeader(source, destination, size_bytes());
  checksum.Add(out.first(size_bytes()));
  StoreBig16(out.data() + kChecksumOffset, checksum.Value());
}

}  // namespace mayfly
