// Gives segments to connections, and what they received to the server.

#include "devices/mmds/tcp_endpoint.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace mayfly {

TcpEndpoint::TcpEndpoint(Options options, RequestServer* server, MmdsMetrics* metrics)
    : options_(std::move(options)), server_(server), metrics_(metrics) {}

void TcpEndpoint::Receive(const TcpPeer& peer, const TcpSegment& guest_segment, int64_t now_us) {
  const bool is_for_us = guest_segment.destination_port == options_.port;
  const auto found = is_for_us ? Find(peer) : connections_.end();
  if (found == connections_.end()) {
    if (is_for_us && (guest_segment.flags & (kTcpSyn | kTcpAck | kTcpRst)) == kTcpSyn) {
      Open(peer, guest_segment, now_us);
    } else {
      Refuse(peer, guest_segment);
    }
    return;
  }
  TcpConnection& connection = (*found)->connection;
  connection.Receive(guest_segment, now_us);
  if (!connection.is_over()) {
    Serve(**found, now_us);
  }
  if (connection.is_over()) {
    Remove(found);
  } else if (connection.is_given_up()) {
    Abort(found);
  }
}

void TcpEndpoint::Open(const TcpPeer& peer, const TcpSegment& syn, int64_t now_us) {
  if (connections_.size() == kMaxConnections && !Evict(now_us)) {
    Refuse(peer, syn);
    return;
  }
  ++metrics_->connections_created;
  connections_.push_back(std::make_unique<Entry>(peer, syn, options_.initial_sequence(), now_us));
}

bool TcpEndpoint::Evict(int64_t now_us) {
  const auto oldest =
      std::min_element(connections_.begin(), connections_.end(), [](const auto& a, const auto& b) {
        return a->connection.progressed_at_us() < b->connection.progressed_at_us();
      });
  if (now_us - (*oldest)->connection.progressed_at_us() < kIdleUs) {
    return false;
  }
  Abort(oldest);
  return true;
}

void TcpEndpoint::Serve(Entry& entry, int64_t now_us) {
  TcpConnection& connection = entry.connection;
  while (connection.CanSend() && !connection.received().empty()) {
    RequestServer::Answer answer = server_->Serve(
        connection.received(), connection.is_receive_full() ? RequestServer::Room::kNoMore
                                                            : RequestServer::Room::kMoreMayCome);
    if (answer.consumed_bytes == 0) {
      break;
    }
    connection.Consume(answer.consumed_bytes);
    connection.Send(std::move(answer.bytes), now_us);
    if (answer.closes) {
      connection.Consume(connection.received().size());
      connection.Close();
    }
  }
  if (!connection.CanSend()) {
    if (connection.is_closing()) {
      // Nobody will read it; the guest is not to wait for room.
      connection.Consume(connection.received().size());
    }
  } else if (connection.has_guest_finished()) {
    // What is left of a request will never be one.
    connection.Consume(connection.received().size());
    connection.Close();
  } else if (connection.is_receive_full()) {
    connection.GiveUp();
  }
}

bool TcpEndpoint::HasSegment() const {
  return !resets_.empty() ||
         std::any_of(connections_.begin(), connections_.end(),
                     [](const auto& entry) { return entry->connection.HasSegment(); });
}

TcpEndpoint::Outgoing TcpEndpoint::NextSegment(int64_t now_us) {
  if (!resets_.empty()) {
    const Outgoing reset = resets_.front();
    resets_.pop_front();
    return reset;
  }
  // Those from whose turn it is on, then those before.
  const auto has_segment = [](const auto& entry) { return entry->connection.HasSegment(); };
  const auto start =
      connections_.begin() + static_cast<ptrdiff_t>(std::min(next_turn_, connections_.size()));
  auto found = std::find_if(start, connections_.end(), has_segment);
  if (found == connections_.end()) {
    found = std::find_if(connections_.begin(), start, has_segment);
    MAYFLY_CHECK(found != start);
  }
  next_turn_ = static_cast<size_t>(found - connections_.begin()) + 1;
  Outgoing outgoing{.peer = (*found)->peer, .segment = (*found)->connection.NextSegment(now_us)};
  outgoing.segment.source_port = options_.port;
  outgoing.segment.destination_port = outgoing.peer.port;
  if ((*found)->connection.is_over()) {
    // Then everything was acknowledged, and the segment has no payload.
    Remove(found);
  }
  return outgoing;
}

std::optional<int64_t> TcpEndpoint::deadline_us() const {
  std::optional<int64_t> earliest_us;
  for (const auto& entry : connections_) {
    const std::optional<int64_t> deadline_us = entry->connection.deadline_us();
    if (deadline_us.has_value() && (!earliest_us.has_value() || *deadline_us < *earliest_us)) {
      earliest_us = deadline_us;
    }
  }
  return earliest_us;
}

void TcpEndpoint::OnTime(int64_t now_us) {
  for (size_t i = connections_.size(); i-- > 0;) {
    TcpConnection& connection = connections_[i]->connection;
    connection.OnTime(now_us);
    if (connection.is_given_up()) {
      Abort(connections_.begin() + static_cast<ptrdiff_t>(i));
    }
  }
}

void TcpEndpoint::Clear() {
  metrics_->connections_destroyed += connections_.size();
  connections_.clear();
  resets_.clear();
  next_turn_ = 0;
}

TcpEndpoint::Entries::iterator TcpEndpoint::Find(const TcpPeer& peer) {
  return std::find_if(connections_.begin(), connections_.end(), [&peer](const auto& entry) {
    return entry->peer.port == peer.port && entry->peer.ipv4 == peer.ipv4;
  });
}

void TcpEndpoint::Abort(Entries::iterator entry) {
  AddReset((*entry)->peer, options_.port, (*entry)->connection.ResetSegment());
  Remove(entry);
}

void TcpEndpoint::Remove(Entries::iterator entry) {
  ++metrics_->connections_destroyed;
  connections_.erase(entry);
}

void TcpEndpoint::Refuse(const TcpPeer& peer, const TcpSegment& segment) {
  if (segment.Has(kTcpRst)) {
    return;
  }
  TcpSegment reset{.flags = kTcpRst};
  if (segment.Has(kTcpAck)) {
    reset.sequence = segment.acknowledgment;
  } else {
    reset.flags |= kTcpAck;
    reset.acknowledgment = segment.sequence + segment.length();
  }
  AddReset(peer, segment.destination_port, reset);
}

void TcpEndpoint::AddReset(const TcpPeer& peer, uint16_t port, TcpSegment reset) {
  reset.source_port = port;
  reset.destination_port = peer.port;
  if (resets_.size() < kMaxResets) {
    resets_.push_back({.peer = peer, .segment = reset});
  }
}

}  // namespace mayfly
