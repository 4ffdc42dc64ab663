// TcpEndpoint: who gets which segment, many connections, eviction, resets, requests.

#include "devices/mmds/tcp_endpoint.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/echo_server.h"

namespace mayfly {
namespace {

constexpr uint32_t kGuestStart = 1000;
constexpr uint32_t kOurStart = 5000;

TcpPeer Peer(uint16_t port, uint32_t ipv4 = 1) { return {.ipv4 = ipv4, .port = port}; }

// Guests whose segments a test writes.
class TcpEndpointTest : public testing::Test {
 protected:
  void Give(const TcpPeer& peer, TcpSegment segment, absl::string_view text = "") {
    segment.source_port = peer.port;
    segment.destination_port = segment.destination_port == 0 ? 80 : segment.destination_port;
    segment.window = 0xffff;
    // Characters may be looked at as bytes.
    segment.payload = {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
    endpoint.Receive(peer, segment, now_us);
  }
  void GiveSyn(const TcpPeer& peer) { Give(peer, {.sequence = kGuestStart, .flags = kTcpSyn}); }
  // The first segment after the SYN.
  void GiveText(const TcpPeer& peer, absl::string_view text, uint8_t flags = kTcpAck) {
    Give(peer, {.sequence = kGuestStart + 1, .acknowledgment = kOurStart + 1, .flags = flags},
         text);
  }
  TcpEndpoint::Outgoing Next() {
    EXPECT_TRUE(endpoint.HasSegment());
    return endpoint.NextSegment(now_us);
  }
  void Open(const TcpPeer& peer) {
    GiveSyn(peer);
    EXPECT_EQ(Next().segment.flags, kTcpSyn | kTcpAck);
    GiveText(peer, "");
  }
  static std::string Text(const TcpEndpoint::Outgoing& outgoing) {
    return {outgoing.segment.payload.begin(), outgoing.segment.payload.end()};
  }
  void ExpectReset(uint16_t port) {
    const TcpEndpoint::Outgoing outgoing = Next();
    EXPECT_TRUE(outgoing.segment.Has(kTcpRst));
    EXPECT_EQ(outgoing.segment.destination_port, port);
    EXPECT_EQ(outgoing.peer.port, port);
  }

  int64_t now_us = 0;
  EchoServer server;
  MmdsMetrics metrics;
  TcpEndpoint endpoint{{.initial_sequence = [] { return kOurStart; }}, &server, &metrics};
};

TEST_F(TcpEndpointTest, AnswersARequest) {
  Open(Peer(1));
  EXPECT_FALSE(endpoint.HasSegment());
  GiveText(Peer(1), "hello\n");
  const TcpEndpoint::Outgoing outgoing = Next();
  EXPECT_EQ(Text(outgoing), "<hello>");
  EXPECT_EQ(outgoing.segment.source_port, 80);
  EXPECT_EQ(outgoing.segment.destination_port, 1);
  EXPECT_EQ(outgoing.segment.acknowledgment, kGuestStart + 7);
  EXPECT_EQ(metrics.connections_created, 1u);
  EXPECT_EQ(metrics.connections_destroyed, 0u);
}

TEST_F(TcpEndpointTest, APeerIsAnAddressAndAPort) {
  Open(Peer(1, 1));
  Open(Peer(1, 2));
  Open(Peer(2, 1));
  EXPECT_EQ(endpoint.connection_count(), 3u);
  GiveText(Peer(1, 2), "x\n");
  EXPECT_EQ(Next().peer.ipv4, 2u);
  EXPECT_FALSE(endpoint.HasSegment());
}

TEST_F(TcpEndpointTest, WaitsForAWholeRequestAndAnswersOneAfterTheOther) {
  Open(Peer(1));
  GiveText(Peer(1), "fir");
  EXPECT_EQ(Next().segment.payload.size(), 0u);
  EXPECT_EQ(server.request_count, 0);
  Give(Peer(1), {.sequence = kGuestStart + 4, .acknowledgment = kOurStart + 1, .flags = kTcpAck},
       "st\nsecond\n");
  EXPECT_EQ(server.request_count, 1);
  EXPECT_EQ(Text(Next()), "<first>");
  EXPECT_FALSE(endpoint.HasSegment());
  Give(Peer(1), {.sequence = kGuestStart + 14, .acknowledgment = kOurStart + 8, .flags = kTcpAck});
  EXPECT_EQ(Text(Next()), "<second>");
}

TEST_F(TcpEndpointTest, ARequestThatDoesNotFitIsReset) {
  Open(Peer(1));
  GiveText(Peer(1), std::string(2499, 'x'));
  EXPECT_EQ(server.last_room, RequestServer::Room::kMoreMayCome);
  Next();
  Give(Peer(1), {.sequence = kGuestStart + 2500, .acknowledgment = kOurStart + 1, .flags = kTcpAck},
       "x");
  EXPECT_EQ(server.last_room, RequestServer::Room::kNoMore);
  ExpectReset(1);
  EXPECT_EQ(endpoint.connection_count(), 0u);
  EXPECT_EQ(metrics.connections_destroyed, 1u);
}

TEST_F(TcpEndpointTest, AHalfClosedConnectionGetsItsAnswers) {
  Open(Peer(1));
  GiveText(Peer(1), "a\nb\nrest", kTcpAck | kTcpFin);
  EXPECT_EQ(Text(Next()), "<a>");
  const uint32_t after = kGuestStart + 10;
  Give(Peer(1), {.sequence = after, .acknowledgment = kOurStart + 4, .flags = kTcpAck});
  EXPECT_EQ(Text(Next()), "<b>");
  Give(Peer(1), {.sequence = after, .acknowledgment = kOurStart + 7, .flags = kTcpAck});
  EXPECT_TRUE(Next().segment.Has(kTcpFin));
  Give(Peer(1), {.sequence = after, .acknowledgment = kOurStart + 8, .flags = kTcpAck});
  EXPECT_EQ(endpoint.connection_count(), 0u);
  EXPECT_FALSE(endpoint.HasSegment());
  EXPECT_EQ(metrics.connections_destroyed, 1u);
}

TEST_F(TcpEndpointTest, TheServerMayEndTheConnection) {
  Open(Peer(1));
  GiveText(Peer(1), "bye\nignored\n");
  const TcpEndpoint::Outgoing last = Next();
  EXPECT_EQ(Text(last), "<bye>");
  EXPECT_TRUE(last.segment.Has(kTcpFin));
  // What comes yet is taken and thrown away, so that the guest is not stuck.
  Give(Peer(1), {.sequence = kGuestStart + 13, .acknowledgment = kOurStart + 7, .flags = kTcpAck},
       std::string(2500, '\n'));
  EXPECT_EQ(Next().segment.window, 2500);
  EXPECT_EQ(server.request_count, 1);
  Give(Peer(1), {.sequence = kGuestStart + 2513,
                 .acknowledgment = kOurStart + 7,
                 .flags = kTcpAck | kTcpFin});
  EXPECT_EQ(Next().segment.acknowledgment, kGuestStart + 2514);
  EXPECT_EQ(endpoint.connection_count(), 0u);
}

TEST_F(TcpEndpointTest, AResetOfTheGuestEndsTheConnection) {
  Open(Peer(1));
  Give(Peer(1), {.sequence = kGuestStart + 1, .flags = kTcpRst});
  EXPECT_EQ(endpoint.connection_count(), 0u);
  EXPECT_FALSE(endpoint.HasSegment());
}

// RFC 9293, 3.10.7.1.
TEST_F(TcpEndpointTest, RefusesWhatBelongsToNoConnection) {
  Give(Peer(1), {.sequence = 7, .acknowledgment = 77, .flags = kTcpAck}, "abc");
  TcpSegment reset = Next().segment;
  EXPECT_EQ(reset.flags, kTcpRst);
  EXPECT_EQ(reset.sequence, 77u);
  Give(Peer(1), {.sequence = 7, .flags = kTcpFin}, "abc");
  reset = Next().segment;
  EXPECT_EQ(reset.flags, kTcpRst | kTcpAck);
  EXPECT_EQ(reset.sequence, 0u);
  EXPECT_EQ(reset.acknowledgment, 11u);
  Give(Peer(1), {.sequence = 7, .acknowledgment = 77, .flags = kTcpSyn | kTcpAck});
  EXPECT_EQ(Next().segment.sequence, 77u);
  Give(Peer(1), {.sequence = 7, .flags = kTcpRst});
  Give(Peer(1), {.sequence = 7, .acknowledgment = 77, .flags = kTcpRst | kTcpAck});
  EXPECT_FALSE(endpoint.HasSegment());
  EXPECT_EQ(metrics.connections_created, 0u);
}

TEST_F(TcpEndpointTest, OtherPortsAreClosed) {
  Open(Peer(1));
  for (const uint16_t port : std::vector<uint16_t>{81, 443, 65535}) {
    Give(Peer(1), {.destination_port = port, .sequence = kGuestStart, .flags = kTcpSyn});
    const TcpSegment reset = Next().segment;
    EXPECT_EQ(reset.flags, kTcpRst | kTcpAck);
    EXPECT_EQ(reset.source_port, port);
    EXPECT_EQ(reset.acknowledgment, kGuestStart + 1);
  }
  EXPECT_EQ(endpoint.connection_count(), 1u);
}

TEST_F(TcpEndpointTest, ResetsAreBounded) {
  for (uint16_t i = 1; i <= 1000; ++i) {
    Give(Peer(i), {.flags = kTcpAck});
  }
  for (uint16_t i = 1; i <= TcpEndpoint::kMaxResets; ++i) {
    ExpectReset(i);
  }
  EXPECT_FALSE(endpoint.HasSegment());
}

TEST_F(TcpEndpointTest, RefusesMoreConnectionsThanItHolds) {
  for (uint16_t i = 1; i <= TcpEndpoint::kMaxConnections; ++i) {
    Open(Peer(i));
  }
  now_us += TcpEndpoint::kIdleUs - 1;
  GiveSyn(Peer(100));
  ExpectReset(100);
  EXPECT_EQ(endpoint.connection_count(), TcpEndpoint::kMaxConnections);
  // The others go on.
  GiveText(Peer(7), "x\n");
  EXPECT_EQ(Text(Next()), "<x>");
}

TEST_F(TcpEndpointTest, TheOneThatIsIdleLongestGivesWay) {
  for (uint16_t i = 1; i <= TcpEndpoint::kMaxConnections; ++i) {
    Open(Peer(i));
    now_us += 1'000;
  }
  GiveText(Peer(1), "x\n");
  EXPECT_EQ(Text(Next()), "<x>");
  now_us = 1'000 + TcpEndpoint::kIdleUs;
  GiveSyn(Peer(100));
  ExpectReset(2);
  EXPECT_EQ(Next().segment.flags, kTcpSyn | kTcpAck);
  EXPECT_EQ(endpoint.connection_count(), TcpEndpoint::kMaxConnections);
  EXPECT_EQ(metrics.connections_created, TcpEndpoint::kMaxConnections + 1);
  EXPECT_EQ(metrics.connections_destroyed, 1u);
  GiveSyn(Peer(101));
  ExpectReset(101);
}

TEST_F(TcpEndpointTest, ConnectionsTakeTurns) {
  for (uint16_t i = 1; i <= 3; ++i) {
    Open(Peer(i));
    GiveText(Peer(i), "big 2000\n");
  }
  std::vector<uint16_t> order;
  while (endpoint.HasSegment()) {
    order.push_back(endpoint.NextSegment(now_us).peer.port);
  }
  EXPECT_EQ(order, (std::vector<uint16_t>{1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3}));
}

TEST_F(TcpEndpointTest, TheEarliestDeadlineCounts) {
  EXPECT_FALSE(endpoint.deadline_us().has_value());
  GiveSyn(Peer(1));
  Next();
  now_us = 100;
  GiveSyn(Peer(2));
  Next();
  EXPECT_EQ(endpoint.deadline_us(), TcpConnection::kRetransmitUs);
  now_us = TcpConnection::kRetransmitUs;
  endpoint.OnTime(now_us);
  EXPECT_EQ(Next().peer.port, 1);
  EXPECT_FALSE(endpoint.HasSegment());
  EXPECT_EQ(endpoint.deadline_us(), TcpConnection::kRetransmitUs + 100);
}

TEST_F(TcpEndpointTest, GuestsThatDoNotAnswerAreResetInTheEnd) {
  GiveSyn(Peer(1));
  GiveSyn(Peer(2));
  while (endpoint.connection_count() > 0) {
    while (endpoint.HasSegment()) {
      EXPECT_EQ(Next().segment.flags, kTcpSyn | kTcpAck);
    }
    ASSERT_TRUE(endpoint.deadline_us().has_value());
    now_us = *endpoint.deadline_us();
    endpoint.OnTime(now_us);
    ASSERT_LT(now_us, 10'000'000);
  }
  ExpectReset(2);
  ExpectReset(1);
  EXPECT_FALSE(endpoint.deadline_us().has_value());
  EXPECT_EQ(metrics.connections_destroyed, 2u);
}

TEST_F(TcpEndpointTest, ClearForgetsEverything) {
  Open(Peer(1));
  GiveText(Peer(1), "x\n");
  Give(Peer(2), {.flags = kTcpAck});
  endpoint.Clear();
  EXPECT_FALSE(endpoint.HasSegment());
  EXPECT_FALSE(endpoint.deadline_us().has_value());
  EXPECT_EQ(endpoint.connection_count(), 0u);
  EXPECT_EQ(metrics.connections_destroyed, 1u);
  GiveText(Peer(1), "x\n");
  ExpectReset(1);
}

}  // namespace
}  // namespace mayfly
