// TcpClient: a guest's end of a TCP connection, frame by frame.

#ifndef MAYFLY_TESTS_FAKES_TCP_CLIENT_H_
#define MAYFLY_TESTS_FAKES_TCP_CLIENT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "devices/mmds/ethernet_frame.h"
#include "devices/mmds/ipv4_packet.h"
#include "devices/mmds/tcp_segment.h"

namespace mayfly {

// Makes the frames of a correct client that loses nothing; a test may leave out, repeat or change
// them. Frames are without virtio header.
class TcpClient {
 public:
  static constexpr EthernetAddress kMac = {0x06, 0x00, 0xac, 0x10, 0x00, 0x02};
  static constexpr EthernetAddress kServerMac = {0x06, 0x01, 0x23, 0x45, 0x67, 0x01};
  static constexpr uint32_t kIpv4 = 0xac100002;
  static constexpr uint32_t kServerIpv4 = 0xa9fea9fe;
  static constexpr uint16_t kServerPort = 80;

  explicit TcpClient(uint16_t port) : port_(port) {}

  std::vector<uint8_t> Syn() {
    next_sent_ = start_ + 1;
    return Frame({.sequence = start_, .flags = kTcpSyn, .window = window, .mss = mss});
  }
  // A segment in its turn, which acknowledges what came.
  std::vector<uint8_t> Send(uint8_t flags, absl::string_view text = "") {
    // Characters may be looked at as bytes.
    const TcpSegment segment{
        .sequence = next_sent_,
        .acknowledgment = next_expected_,
        .flags = flags,
        .window = window,
        .payload = {reinterpret_cast<const uint8_t*>(text.data()), text.size()}};
    next_sent_ += segment.length();
    return Frame(segment);
  }
  std::vector<uint8_t> Ack() { return Send(kTcpAck); }
  // The segment between this client and the server.
  std::vector<uint8_t> Frame(TcpSegment segment) const {
    segment.source_port = port_;
    segment.destination_port = kServerPort;
    std::vector<uint8_t> frame(kEthernetHeaderBytes + kIpv4HeaderBytes + segment.size_bytes());
    EthernetHeader{.destination = kServerMac, .source = kMac, .type = kEtherTypeIpv4}.Write(frame);
    const std::span<uint8_t> packet = std::span(frame).subspan(kEthernetHeaderBytes);
    WriteIpv4Header({.source = kIpv4, .destination = kServerIpv4, .protocol = kIpProtocolTcp},
                    segment.size_bytes(), packet);
    segment.Write(kIpv4, kServerIpv4, packet.subspan(kIpv4HeaderBytes));
    return frame;
  }

  // What a frame of the server's holds; nothing when it is an ARP reply. Every frame must be well
  // formed.
  static std::optional<TcpSegment> ParseServerFrame(std::span<const uint8_t> frame) {
    const auto header = EthernetHeader::Parse(frame);
    MAYFLY_CHECK(header.has_value() && header->source == kServerMac);
    if (header->type == kEtherTypeArp) {
      MAYFLY_CHECK(frame.size() == kEthernetHeaderBytes + kArpPacketBytes);
      return std::nullopt;
    }
    MAYFLY_CHECK(header->type == kEtherTypeIpv4);
    const auto packet = Ipv4Packet::Parse(frame.subspan(kEthernetHeaderBytes));
    MAYFLY_CHECK(packet.ok() && packet->source == kServerIpv4);
    MAYFLY_CHECK(packet->protocol == kIpProtocolTcp);
    // Nothing behind the packet.
    MAYFLY_CHECK(packet->payload.data() + packet->payload.size() == frame.data() + frame.size());
    const auto segment = TcpSegment::Parse(*packet, TcpSegment::Checksum::kComplete);
    MAYFLY_CHECK(segment.ok());
    return *segment;
  }

  // A frame of the server's. False when it is not for this client. What is in its turn is taken.
  bool Take(std::span<const uint8_t> frame) {
    const std::optional<TcpSegment> segment = ParseServerFrame(frame);
    if (!segment.has_value() || segment->destination_port != port_) {
      return false;
    }
    last_flags = segment->flags;
    last_payload_bytes = segment->payload.size();
    ++frame_count;
    if (segment->Has(kTcpRst)) {
      is_reset = true;
    } else if (segment->Has(kTcpSyn)) {
      next_expected_ = segment->sequence + 1;
      is_open = true;
    } else if (segment->sequence == next_expected_) {
      received.append(segment->payload.begin(), segment->payload.end());
      has_server_finished = has_server_finished || segment->Has(kTcpFin);
      next_expected_ += segment->length();
    }
    return true;
  }

  // What the client says of itself from now on.
  uint16_t window = 0xffff;
  uint16_t mss = 1460;

  std::string received;
  bool is_open = false;
  bool is_reset = false;
  bool has_server_finished = false;
  // Of the last frame, and how many there were.
  uint8_t last_flags = 0;
  size_t last_payload_bytes = 0;
  size_t frame_count = 0;

  uint16_t port() const { return port_; }
  uint32_t next_sent() const { return next_sent_; }
  uint32_t next_expected() const { return next_expected_; }

 private:
  const uint16_t port_;
  const uint32_t start_ = 0xffffff00;
  uint32_t next_sent_ = 0;
  uint32_t next_expected_ = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_TCP_CLIENT_H_
