// From frames to segments and back.

#include "devices/mmds/mmds_stack.h"

#include <utility>

#include "base/check.h"
#include "base/status.h"
#include "devices/mmds/big_endian.h"

namespace mayfly {
namespace {

constexpr size_t kTypeOffset = 12;
constexpr size_t kArpTargetOffset = kEthernetHeaderBytes + 24;
constexpr size_t kIpv4DestinationOffset = kEthernetHeaderBytes + 16;

}  // namespace

MmdsStack::MmdsStack(Options options, RequestServer* server, MmdsMetrics* metrics)
    : ipv4_(options.ipv4),
      metrics_(metrics),
      endpoint_({.initial_sequence = std::move(options.initial_sequence)}, server, metrics) {}

bool MmdsStack::IsForMmds(std::span<const uint8_t> guest_frame_start) const {
  if (guest_frame_start.size() < kIpv4DestinationOffset + sizeof(ipv4_)) {
    return false;
  }
  const uint16_t type = LoadBig16(guest_frame_start.data() + kTypeOffset);
  if (type == kEtherTypeIpv4) {
    return LoadBig32(guest_frame_start.data() + kIpv4DestinationOffset) == ipv4_;
  }
  return type == kEtherTypeArp && guest_frame_start.size() >= kArpTargetOffset + sizeof(ipv4_) &&
         LoadBig32(guest_frame_start.data() + kArpTargetOffset) == ipv4_;
}

void MmdsStack::Receive(std::span<const uint8_t> guest_frame, TcpSegment::Checksum checksum,
                        int64_t now_us) {
  ++metrics_->rx_accepted;
  const std::optional<EthernetHeader> header = EthernetHeader::Parse(guest_frame);
  if (!header.has_value()) {
    ++metrics_->rx_bad_eth;
    return;
  }
  const std::span<const uint8_t> packet = guest_frame.subspan(kEthernetHeaderBytes);
  // The type may have changed since IsForMmds looked at it in the guest's memory.
  if (header->type == kEtherTypeArp) {
    ReceiveArp(packet);
  } else if (header->type == kEtherTypeIpv4) {
    ReceiveIpv4(*header, packet, checksum, now_us);
  } else {
    ++metrics_->rx_accepted_err;
  }
}

void MmdsStack::ReceiveArp(std::span<const uint8_t> packet) {
  const std::optional<ArpRequest> request = ArpRequest::Parse(packet);
  if (!request.has_value() || request->target_ipv4 != ipv4_) {
    ++metrics_->rx_accepted_err;
  } else if (arp_replies_.size() < kMaxArpReplies) {
    arp_replies_.push_back(*request);
  }
}

void MmdsStack::ReceiveIpv4(const EthernetHeader& header, std::span<const uint8_t> packet,
                            TcpSegment::Checksum checksum, int64_t now_us) {
  const absl::StatusOr<Ipv4Packet> ipv4 = Ipv4Packet::Parse(packet);
  if (!ipv4.ok() || ipv4->destination != ipv4_) {
    ++metrics_->rx_accepted_err;
    return;
  }
  if (ipv4->protocol != kIpProtocolTcp) {
    ++metrics_->rx_accepted_unusual;
    return;
  }
  const absl::StatusOr<TcpSegment> segment = TcpSegment::Parse(*ipv4, checksum);
  if (!segment.ok()) {
    ++metrics_->rx_accepted_err;
    return;
  }
  ++metrics_->rx_count;
  endpoint_.Receive({.mac = header.source, .ipv4 = ipv4->source, .port = segment->source_port},
                    *segment, now_us);
}

size_t MmdsStack::TakeFrame(std::span<uint8_t> out, int64_t now_us) {
  MAYFLY_CHECK(out.size() >= kMaxFrameBytes);
  size_t size_bytes = 0;
  if (!arp_replies_.empty()) {
    size_bytes = WriteArpFrame(out);
  } else {
    size_bytes = WriteTcpFrame(endpoint_.NextSegment(now_us), out);
    ++metrics_->tx_count;
  }
  ++metrics_->tx_frames;
  metrics_->tx_bytes += size_bytes;
  return size_bytes;
}

size_t MmdsStack::WriteArpFrame(std::span<uint8_t> out) {
  const ArpRequest request = arp_replies_.front();
  arp_replies_.pop_front();
  EthernetHeader{.destination = request.sender, .source = kMacAddress, .type = kEtherTypeArp}.Write(
      out);
  WriteArpReply(request, kMacAddress, out.subspan(kEthernetHeaderBytes));
  return kEthernetHeaderBytes + kArpPacketBytes;
}

size_t MmdsStack::WriteTcpFrame(const TcpEndpoint::Outgoing& outgoing,
                                std::span<uint8_t> out) const {
  const TcpSegment& segment = outgoing.segment;
  EthernetHeader{.destination = outgoing.peer.mac, .source = kMacAddress, .type = kEtherTypeIpv4}
      .Write(out);
  const Ipv4Packet packet{
      .source = ipv4_, .destination = outgoing.peer.ipv4, .protocol = kIpProtocolTcp};
  out = out.subspan(kEthernetHeaderBytes);
  WriteIpv4Header(packet, segment.size_bytes(), out);
  segment.Write(packet.source, packet.destination, out.subspan(kIpv4HeaderBytes));
  return kEthernetHeaderBytes + kIpv4HeaderBytes + segment.size_bytes();
}

void MmdsStack::Clear() {
  endpoint_.Clear();
  arp_replies_.clear();
}

}  // namespace mayfly
