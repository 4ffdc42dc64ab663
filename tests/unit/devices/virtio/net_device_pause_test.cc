// NetDevice: frames around a pause are neither lost nor reordered.

#include <cstdint>
#include <vector>

#include "devices/virtio/net_device.h"
#include "gtest/gtest.h"
#include "tests/unit/devices/virtio/net_fixture.h"

namespace mayfly {
namespace {

class NetDevicePauseTest : public NetTest {
 protected:
  void Pause() {
    bool is_paused = false;
    net->Pause([&] { is_paused = true; });
    EXPECT_FALSE(is_paused);
    RunUntil([&] { return is_paused; });
  }
  void AddFrame(uint8_t first) {
    driver->queue(kTransmit).Add(
        ChainBuilder().Readable(driver->Store(Frame(80, first)), 80).Build());
    driver->Notify(kTransmit);
  }
};

TEST_F(NetDevicePauseTest, ReceivesEveryFrameInOrderOverManyPauses) {
  StartNet();
  uint8_t sent = 0;
  uint8_t received = 0;
  for (int round = 0; round < 100; ++round) {
    driver->FreeAll();
    buffer_of_head.clear();
    AddBuffers(64, 1536);
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(SendToCard(Frame(60, sent++)));
    }
    RunFor(round % 3);
    Pause();
    const uint16_t used_count = driver->queue(kReceive).used_count();
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(SendToCard(Frame(60, sent++)));
    }
    driver->Notify(kReceive);
    RunFor(100);
    ASSERT_EQ(driver->queue(kReceive).used_count(), used_count);
    net->Resume();
    while (received != sent) {
      ASSERT_EQ(LoadFrame(WaitForReceived()), Frame(60, received++));
    }
    Reset();
    StartWithRings(net->offered_features());
  }
}

TEST_F(NetDevicePauseTest, ReadsNothingOfTheNetworkWhilePaused) {
  StartNet();
  AddBuffers(16, 1536);
  RunFor(500);
  Pause();
  ASSERT_TRUE(SendToCard(Frame(60)));
  RunFor(1'000);
  EXPECT_EQ(net->metrics().rx_packets_count, 0u);
  // The frame is still in the network's queue.
  uint8_t byte = 0;
  EXPECT_EQ(recv(net->tap().fd(), &byte, 1, MSG_DONTWAIT | MSG_PEEK), 1);
  net->Resume();
  EXPECT_EQ(LoadFrame(WaitForReceived()), Frame(60));
}

TEST_F(NetDevicePauseTest, SendsEveryFrameInOrderOverManyPauses) {
  StartNet();
  for (uint8_t round = 0; round < 100; ++round) {
    driver->FreeAll();
    AddFrame(round);
    RunFor(round % 3);
    Pause();
    AddFrame(static_cast<uint8_t>(round + 100));
    RunFor(100);
    ASSERT_LE(driver->queue(kTransmit).used_count(), 1);
    net->Resume();
    EXPECT_EQ(WaitForFrame(), Frame(80, round));
    EXPECT_EQ(WaitForFrame(), Frame(80, static_cast<uint8_t>(round + 100)));
    WaitForUsed(kTransmit);
    WaitForUsed(kTransmit);
  }
}

// A frame that was read but exceeds the rate is kept over the pause.
TEST_F(NetDevicePauseTest, KeepsAFrameThatTheRateLimiterHolds) {
  RateLimiterConfig limits;
  limits.ops = {.size = 1, .refill_time_ms = 600'000};
  StartNet({.rx_rate_limiter = limits});
  AddBuffers(16, 1536);
  ASSERT_TRUE(SendToCard(Frame(60, 1)));
  ASSERT_TRUE(SendToCard(Frame(60, 2)));
  RunUntil([&] { return net->metrics().rx_rate_limiter_throttled > 0; });
  Pause();
  net->UpdateReceiveLimiter({.ops = TokenBucketConfig{}});
  RunFor(1'000);
  EXPECT_EQ(net->metrics().rx_packets_count, 1u);
  net->Resume();
  EXPECT_EQ(LoadFrame(WaitForReceived()), Frame(60, 1));
  EXPECT_EQ(LoadFrame(WaitForReceived()), Frame(60, 2));
}

TEST_F(NetDevicePauseTest, AResumeEndsAPauseThatIsNotDone) {
  StartNet();
  AddBuffers(16, 1536);
  RunFor(500);
  bool is_paused = false;
  net->Pause([&] { is_paused = true; });
  net->Resume();
  Pause();
  EXPECT_FALSE(is_paused);
  ASSERT_TRUE(SendToCard(Frame(60)));
  net->Resume();
  EXPECT_EQ(LoadFrame(WaitForReceived()), Frame(60));
}

}  // namespace
}  // namespace mayfly
