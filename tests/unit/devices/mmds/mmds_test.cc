// Mmds: its configuration, and a guest's whole way to it.

#include "devices/mmds/mmds.h"

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "base/event_loop.h"
#include "devices/virtio/segment_list.h"
#include "gtest/gtest.h"
#include "tests/fakes/tcp_client.h"

namespace mayfly {
namespace {

class MmdsTest : public testing::Test {
 protected:
  MmdsTest() : loop(*EventLoop::Create({})), mmds(*Mmds::Create("vm")) {}

  static bool Offer(FrameDetour& detour, std::vector<uint8_t> frame) {
    frame.insert(frame.begin(), 12, 0);
    SegmentList segments;
    segments.AddHost(frame);
    return detour.Offer(segments);
  }
  static std::vector<uint8_t> Take(FrameDetour& detour) {
    EXPECT_TRUE(detour.HasFrame());
    std::vector<uint8_t> frame(FrameDetour::kMaxFrameBytes);
    frame.resize(detour.TakeFrame(frame));
    return {frame.begin() + 12, frame.end()};
  }

  std::unique_ptr<EventLoop> loop;
  std::unique_ptr<Mmds> mmds;
};

TEST_F(MmdsTest, TakesLinkLocalAddressesOnly) {
  EXPECT_EQ(mmds->config().ipv4, 0xa9fea9feu);
  EXPECT_EQ(mmds->config().version, MmdsConfig::Version::kV1);
  for (const uint32_t ipv4 : {0xa9fe0100u, 0xa9feabcdu, 0xa9fefeffu}) {
    EXPECT_TRUE(mmds->Configure({.ipv4 = ipv4}).ok());
    EXPECT_EQ(mmds->config().ipv4, ipv4);
  }
  for (const uint32_t ipv4 :
       {0u, 0xa9fe00ffu, 0xa9feff00u, 0xa9fd0101u, 0xc0a80001u, 0xffffffffu}) {
    const absl::Status status = mmds->Configure({.ipv4 = ipv4});
    EXPECT_EQ(status.message(), "The MMDS IPv4 address is not link local.");
    EXPECT_EQ(mmds->config().ipv4, 0xa9fefeffu);
  }
}

TEST_F(MmdsTest, TheStoreHasItsLimit) {
  EXPECT_TRUE(mmds->store().PutText(R"({"a":"b"})").ok());
  auto small = Mmds::Create("vm", 8);
  ASSERT_TRUE(small.ok());
  EXPECT_FALSE((*small)->store().PutText(R"({"a":"b"})").ok());
}

TEST_F(MmdsTest, CardsShareTheStoreAndHaveConnectionsOfTheirOwn) {
  ASSERT_TRUE(mmds->store().PutText(R"({"a":"first"})").ok());
  const auto one = mmds->MakeDetour(loop.get());
  const auto other = mmds->MakeDetour(loop.get());
  TcpClient client(40000);
  ASSERT_TRUE(Offer(*one, client.Syn()));
  EXPECT_FALSE(other->HasFrame());
  client.Take(Take(*one));
  Offer(*one, client.Send(kTcpAck, "GET /a HTTP/1.1\r\n\r\n"));
  client.Take(Take(*one));
  EXPECT_TRUE(absl::EndsWith(client.received, "\r\n\r\nfirst")) << client.received;
  ASSERT_TRUE(mmds->store().PutText(R"({"a":"second"})").ok());
  Offer(*one, client.Send(kTcpAck, "GET /a HTTP/1.1\r\n\r\n"));
  client.Take(Take(*one));
  EXPECT_TRUE(absl::EndsWith(client.received, "\r\n\r\nsecond")) << client.received;
  Offer(*other, client.Ack());
  client.Take(Take(*other));
  EXPECT_TRUE(client.is_reset);
  EXPECT_EQ(mmds->metrics().rx_no_token, 2u);
  EXPECT_EQ(mmds->metrics().connections_created, 1u);
}

TEST_F(MmdsTest, IsFoundAtItsAddressOnly) {
  ASSERT_TRUE(mmds->Configure({.ipv4 = 0xa9fe0101}).ok());
  const auto detour = mmds->MakeDetour(loop.get());
  TcpClient client(40000);
  EXPECT_FALSE(Offer(*detour, client.Syn()));
}

TEST_F(MmdsTest, NobodyCanGuessSequenceNumbers) {
  const auto detour = mmds->MakeDetour(loop.get());
  std::set<uint32_t> starts;
  for (uint16_t port = 1; port <= 20; ++port) {
    TcpClient client(port);
    Offer(*detour, client.Syn());
    client.Take(Take(*detour));
    // Not one of those a connection had, nor near.
    EXPECT_TRUE(starts.insert(client.next_expected() >> 8).second);
  }
}

}  // namespace
}  // namespace mayfly
