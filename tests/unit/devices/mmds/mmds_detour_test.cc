// MmdsDetour: what it takes of a guest's memory, the virtio header, and time.

#include "devices/mmds/mmds_detour.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/timer.h"
#include "gtest/gtest.h"
#include "tests/fakes/echo_server.h"
#include "tests/fakes/tcp_client.h"

namespace mayfly {
namespace {

constexpr size_t kHeaderBytes = 12;

class MmdsDetourTest : public testing::Test {
 protected:
  // In pieces of `piece_bytes`.
  bool Offer(std::vector<uint8_t> frame, size_t piece_bytes = 100'000, uint8_t flags = 0) {
    frame.insert(frame.begin(), kHeaderBytes, 0);
    frame[0] = flags;
    SegmentList segments;
    for (size_t i = 0; i < frame.size(); i += piece_bytes) {
      segments.AddHost(std::span(frame).subspan(i, std::min(piece_bytes, frame.size() - i)));
    }
    return detour.Offer(segments);
  }
  std::vector<uint8_t> Take() {
    EXPECT_TRUE(detour.HasFrame());
    std::vector<uint8_t> frame(FrameDetour::kMaxFrameBytes, 0xee);
    frame.resize(detour.TakeFrame(frame));
    return frame;
  }
  void Give(TcpClient& client) {
    const std::vector<uint8_t> frame = Take();
    client.Take(std::span(frame).subspan(kHeaderBytes));
  }
  void RunUntilFrame() {
    const int64_t limit_us = MonotonicTimeUs() + 10'000'000;
    Timer poll(loop.get(), [&] {
      if (detour.HasFrame() || MonotonicTimeUs() > limit_us) {
        loop->Stop();
      } else {
        poll.Set(MonotonicTimeUs() + 1'000);
      }
    });
    poll.Set(0);
    ASSERT_TRUE(loop->Run().ok());
    ASSERT_TRUE(detour.HasFrame());
  }

  std::unique_ptr<EventLoop> loop = *EventLoop::Create({});
  EchoServer server;
  MmdsMetrics metrics;
  MmdsDetour detour{loop.get(),
                    {.ipv4 = TcpClient::kServerIpv4, .initial_sequence = [] { return 1u; }},
                    &server,
                    &metrics};
};

TEST_F(MmdsDetourTest, FramesMayBeCutAnywhere) {
  for (size_t piece_bytes = 1; piece_bytes < 80; ++piece_bytes) {
    TcpClient client(static_cast<uint16_t>(piece_bytes));
    ASSERT_TRUE(Offer(client.Syn(), piece_bytes));
    Give(client);
    EXPECT_TRUE(client.is_open);
    detour.Reset();
  }
}

TEST_F(MmdsDetourTest, WritesAHeaderThatAsksForNothing) {
  TcpClient client(1);
  Offer(client.Syn());
  const std::vector<uint8_t> frame = Take();
  EXPECT_EQ(std::vector<uint8_t>(frame.begin(), frame.begin() + kHeaderBytes),
            (std::vector<uint8_t>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}));
}

TEST_F(MmdsDetourTest, TheHeaderSaysWhoMakesTheChecksum) {
  TcpClient client(1);
  std::vector<uint8_t> syn = client.Syn();
  syn[50] ^= 0xff;
  EXPECT_TRUE(Offer(syn));
  EXPECT_FALSE(detour.HasFrame());
  EXPECT_EQ(metrics.rx_accepted_err, 1u);
  EXPECT_TRUE(Offer(syn, 100'000, 1));
  EXPECT_TRUE(detour.HasFrame());
}

TEST_F(MmdsDetourTest, LeavesWhatIsNotForTheService) {
  EXPECT_FALSE(Offer(std::vector<uint8_t>(1500)));
  EXPECT_FALSE(Offer(std::vector<uint8_t>(14)));
  EXPECT_FALSE(Offer({}));
  EXPECT_EQ(metrics.rx_accepted, 0u);
}

TEST_F(MmdsDetourTest, TakesTheLargestFrame) {
  TcpClient client(1);
  Offer(client.Syn());
  Give(client);
  // All that the length field of IPv4 can say.
  EXPECT_TRUE(Offer(client.Send(kTcpAck, std::string(65535 - 40, '\n'))));
  EXPECT_EQ(metrics.rx_accepted_err, 0u);
  EXPECT_EQ(server.request_count, 1);
}

TEST_F(MmdsDetourTest, SendsAgainAfterATime) {
  TcpClient client(1);
  Offer(client.Syn());
  Give(client);
  EXPECT_FALSE(detour.HasFrame());
  RunUntilFrame();
  Give(client);
  EXPECT_EQ(client.last_flags, kTcpSyn | kTcpAck);
  EXPECT_EQ(client.frame_count, 2u);
}

TEST_F(MmdsDetourTest, AResetForgetsFramesAndTime) {
  TcpClient client(1);
  Offer(client.Syn());
  Give(client);
  TcpClient other(2);
  Offer(other.Syn());
  EXPECT_TRUE(detour.HasFrame());
  detour.Reset();
  EXPECT_FALSE(detour.HasFrame());
  Timer end(loop.get(), [&] { loop->Stop(); });
  end.Set(MonotonicTimeUs() + 2 * TcpConnection::kRetransmitUs);
  ASSERT_TRUE(loop->Run().ok());
  EXPECT_FALSE(detour.HasFrame());
  EXPECT_EQ(metrics.connections_destroyed, 2u);
}

}  // namespace
}  // namespace mayfly
