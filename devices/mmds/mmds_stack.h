// MmdsStack: the metadata service's host on a guest's network: Ethernet, ARP, IPv4 and TCP.

#ifndef MAYFLY_DEVICES_MMDS_MMDS_STACK_H_
#define MAYFLY_DEVICES_MMDS_MMDS_STACK_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>

#include "absl/functional/any_invocable.h"
#include "devices/mmds/ethernet_frame.h"
#include "devices/mmds/ipv4_packet.h"
#include "devices/mmds/mmds_metrics.h"
#include "devices/mmds/request_server.h"
#include "devices/mmds/tcp_connection.h"
#include "devices/mmds/tcp_endpoint.h"
#include "devices/mmds/tcp_segment.h"

namespace mayfly {

// One for each network card that leads to the service. Frames go in, and come out when they are
// asked for: nothing is queued but ARP replies and resets, of which there are few. No VLAN tags, no
// fragments. Owned by MmdsDetour; loop thread only. Times are of one monotonic clock, in
// microseconds.
class MmdsStack {
 public:
  static constexpr EthernetAddress kMacAddress = {0x06, 0x01, 0x23, 0x45, 0x67, 0x01};
  // Of the frames it makes.
  static constexpr size_t kMaxFrameBytes =
      kEthernetHeaderBytes + kIpv4HeaderBytes + kTcpHeaderBytes + TcpConnection::kMaxSegmentBytes;
  // What IsForMmds looks at.
  static constexpr size_t kStartBytes = kEthernetHeaderBytes + kArpPacketBytes;
  static constexpr size_t kMaxArpReplies = 8;

  struct Options {
    // The service's: 169.254.169.254 is 0xa9fea9fe.
    uint32_t ipv4 = 0;
    // Of new connections: not to be guessed.
    absl::AnyInvocable<uint32_t()> initial_sequence;
  };

  // `server` and `metrics` outlive it.
  MmdsStack(Options options, RequestServer* server, MmdsMetrics* metrics);

  // Whether a frame that starts so, in its first kStartBytes or all of it, may be for the service:
  // an ARP packet that asks for its address, or IPv4 to it. Cheap.
  bool IsForMmds(std::span<const uint8_t> guest_frame_start) const;
  // Takes a frame for which IsForMmds held. What is malformed is counted and dropped.
  void Receive(std::span<const uint8_t> guest_frame, TcpSegment::Checksum checksum, int64_t now_us);

  bool HasFrame() const { return !arp_replies_.empty() || endpoint_.HasSegment(); }
  // HasFrame() holds, `out` has room for kMaxFrameBytes. Returns the frame's size.
  size_t TakeFrame(std::span<uint8_t> out, int64_t now_us);

  // When OnTime wants to be called.
  std::optional<int64_t> deadline_us() const { return endpoint_.deadline_us(); }
  void OnTime(int64_t now_us) { endpoint_.OnTime(now_us); }

  // Forgets everything: the guest's driver starts anew.
  void Clear();

 private:
  void ReceiveArp(std::span<const uint8_t> packet);
  void ReceiveIpv4(const EthernetHeader& header, std::span<const uint8_t> packet,
                   TcpSegment::Checksum checksum, int64_t now_us);
  size_t WriteArpFrame(std::span<uint8_t> out);
  size_t WriteTcpFrame(const TcpEndpoint::Outgoing& outgoing, std::span<uint8_t> out) const;

  const uint32_t ipv4_;
  MmdsMetrics* const metrics_;
  TcpEndpoint endpoint_;
  std::deque<ArpRequest> arp_replies_;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_MMDS_MMDS_STACK_H_
