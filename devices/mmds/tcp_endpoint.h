// TcpEndpoint: one TCP port that a guest may connect to, and its connections.

#ifndef MAYFLY_DEVICES_MMDS_TCP_ENDPOINT_H_
#define MAYFLY_DEVICES_MMDS_TCP_ENDPOINT_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "devices/mmds/ethernet_frame.h"
#include "devices/mmds/mmds_metrics.h"
#include "devices/mmds/request_server.h"
#include "devices/mmds/tcp_connection.h"
#include "devices/mmds/tcp_segment.h"

namespace mayfly {

// Where segments come from and go to, on the guest's side.
struct TcpPeer {
  EthernetAddress mac{};
  uint32_t ipv4 = 0;
  uint16_t port = 0;
};

// Owned by MmdsStack; loop thread only. Times are of one monotonic clock, in microseconds. Memory:
// kMaxConnections, each with its receive buffer and one answer of the server's.
class TcpEndpoint {
 public:
  static constexpr size_t kMaxConnections = 30;
  // Resets to be sent; what more would come is dropped.
  static constexpr size_t kMaxResets = 100;
  // A connection that did not get on for so long gives way to a new one when there are too many.
  static constexpr int64_t kIdleUs = 10'000'000;

  struct Options {
    uint16_t port = 80;
    // Of new connections: not to be guessed.
    absl::AnyInvocable<uint32_t()> initial_sequence;
  };
  struct Outgoing {
    TcpPeer peer;
    TcpSegment segment;
  };

  // `server` and `metrics` outlive it.
  TcpEndpoint(Options options, RequestServer* server, MmdsMetrics* metrics);

  // Takes a segment that came for any port.
  void Receive(const TcpPeer& peer, const TcpSegment& guest_segment, int64_t now_us);

  bool HasSegment() const;
  // HasSegment() holds. Connections take turns. The payload is valid until the next call.
  Outgoing NextSegment(int64_t now_us);

  // When OnTime wants to be called.
  std::optional<int64_t> deadline_us() const;
  void OnTime(int64_t now_us);

  // Forgets all connections; the guest does not hear of it.
  void Clear();
  size_t connection_count() const { return connections_.size(); }

 private:
  struct Entry {
    Entry(const TcpPeer& from, const TcpSegment& syn, uint32_t initial_sequence, int64_t now_us)
        : peer(from), connection(syn, initial_sequence, now_us) {}

    const TcpPeer peer;
    TcpConnection connection;
  };
  using Entries = std::vector<std::unique_ptr<Entry>>;

  Entries::iterator Find(const TcpPeer& peer);
  void Open(const TcpPeer& peer, const TcpSegment& syn, int64_t now_us);
  // Drops the connection that has been idle longest; false when none has been for long enough.
  bool Evict(int64_t now_us);
  void Serve(Entry& entry, int64_t now_us);
  // Resets a connection that the guest still knows of.
  void Abort(Entries::iterator entry);
  void Remove(Entries::iterator entry);
  // Answers a segment that belongs to no connection (RFC 9293, 3.10.7.1).
  void Refuse(const TcpPeer& peer, const TcpSegment& segment);
  void AddReset(const TcpPeer& peer, uint16_t port, TcpSegment reset);

  Options options_;
  RequestServer* const server_;
  MmdsMetrics* const metrics_;
  Entries connections_;
  std::deque<Outgoing> resets_;
  // Where in `connections_` to look first.
  size_t next_turn_ = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_MMDS_TCP_ENDPOINT_H_
