// FrameDetour: a card with one: what goes to it, and its frames among those of the TAP.

#include "devices/virtio/frame_detour.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/devices/virtio/net_fixture.h"

namespace mayfly {
namespace {

// Takes frames whose destination begins with 0x77 and sends them back.
class Mirror : public FrameDetour {
 public:
  bool Offer(const SegmentList& guest_frame) override {
    std::vector<uint8_t> frame(guest_frame.size_bytes());
    guest_frame.CopyTo(frame);
    ++offered_count;
    if (frame[Tap::kHeaderBytes] != 0x77) {
      return false;
    }
    frames.push_back(std::move(frame));
    return true;
  }
  bool HasFrame() const override { return !frames.empty(); }
  size_t TakeFrame(std::span<uint8_t> out) override {
    const std::vector<uint8_t> frame = frames.front();
    frames.pop_front();
    std::copy(frame.begin(), frame.end(), out.begin());
    return frame.size();
  }
  void Reset() override {
    frames.clear();
    ++reset_count;
  }

  std::deque<std::vector<uint8_t>> frames;
  int offered_count = 0;
  int reset_count = 0;
};

class FrameDetourTest : public NetTest {
 protected:
  static constexpr uint32_t kBufferBytes = 1536;

  void StartWithMirror(NetDeviceOptions options = {}, uint64_t without = 0,
                       uint16_t queue_size = kQueueMaxSize) {
    auto owned = std::make_unique<Mirror>();
    mirror = owned.get();
    StartNet(std::move(options), without, queue_size, std::move(owned));
  }
  static std::vector<uint8_t> ForMirror(size_t size_bytes, uint8_t first = 1) {
    std::vector<uint8_t> frame = Frame(size_bytes, first);
    frame[Tap::kHeaderBytes] = 0x77;
    return frame;
  }
  // Gives the card a frame to send and does not wait for it.
  void Queue(const std::vector<uint8_t>& frame) {
    driver->queue(kTransmit).Add(
        ChainBuilder().Readable(driver->Store(frame), static_cast<uint32_t>(frame.size())).Build());
    driver->Notify(kTransmit);
  }

  Mirror* mirror = nullptr;
};

TEST_F(FrameDetourTest, TakenFramesDoNotReachTheTap) {
  StartWithMirror();
  AddBuffers(64, kBufferBytes);
  Transmit(ForMirror(100));
  EXPECT_EQ(LoadFrame(WaitForReceived()), ForMirror(100));
  Transmit(Frame(60));
  EXPECT_EQ(WaitForFrame(), Frame(60));
  EXPECT_FALSE(TakeFromCard().has_value());
  EXPECT_EQ(mirror->offered_count, 2);
  EXPECT_EQ(net->metrics().tx_packets_count, 1u);
  EXPECT_EQ(net->metrics().rx_packets_count, 1u);
  EXPECT_EQ(net->metrics().rx_bytes_count, 100u);
}

TEST_F(FrameDetourTest, ItsFramesPassByAReadThatWaits) {
  StartWithMirror();
  AddBuffers(64, kBufferBytes);
  RunFor(1'000);
  for (uint8_t i = 0; i < 20; ++i) {
    Transmit(ForMirror(100, i));
    EXPECT_EQ(LoadFrame(WaitForReceived()), ForMirror(100, i));
    ASSERT_TRUE(SendToCard(Frame(60, i)));
    EXPECT_EQ(LoadFrame(WaitForReceived()), Frame(60, i));
  }
}

TEST_F(FrameDetourTest, MergesBuffersAndSaysHowMany) {
  StartWithMirror();
  AddBuffers(64, 100);
  Transmit(ForMirror(1000));
  RunUntil([&] { return driver->queue(kReceive).used_count() == 10; });
  const Received first = WaitForReceived();
  EXPECT_EQ(BufferCount(first.buffer), 10);
  std::vector<uint8_t> received = LoadFrame(first);
  for (int i = 1; i < 10; ++i) {
    const Received next = WaitForReceived();
    const std::vector<uint8_t> part = driver->Load(next.buffer, next.size_bytes);
    received.insert(received.end(), part.begin(), part.end());
  }
  EXPECT_EQ(received, ForMirror(1000));
}

TEST_F(FrameDetourTest, WithoutMergedBuffersAFrameTakesOneOrIsDropped) {
  StartWithMirror({}, kNetFeatureMergeableBuffers);
  AddBuffers(2, 600);
  RunFor(1'000);
  // One buffer is with the read that waits for the TAP.
  Transmit(ForMirror(700));
  Transmit(ForMirror(600));
  const Received received = WaitForReceived();
  EXPECT_EQ(LoadFrame(received), ForMirror(600));
  EXPECT_EQ(BufferCount(received.buffer), 1);
  EXPECT_EQ(net->metrics().rx_fails, 1u);
}

TEST_F(FrameDetourTest, FramesWaitForBuffers) {
  StartWithMirror();
  for (uint8_t i = 0; i < 100; ++i) {
    Transmit(ForMirror(100, i));
  }
  RunFor(1'000);
  // All but one stay where they are.
  EXPECT_EQ(mirror->frames.size(), 99u);
  for (uint8_t i = 0; i < 100; ++i) {
    driver->FreeAll();
    AddBuffers(1, kBufferBytes);
    ASSERT_EQ(LoadFrame(WaitForReceived()), ForMirror(100, i));
  }
}

// The read that waits for the TAP has room for a small frame: as many buffers as that takes, or
// half of the ring.
TEST_F(FrameDetourTest, AReadThatWaitsLeavesHalfOfASmallRing) {
  for (const uint16_t queue_size : {uint16_t{2}, uint16_t{4}, uint16_t{8}}) {
    StartWithMirror({}, 0, queue_size);
    AddBuffers(queue_size, 150);
    RunFor(1'000);
    mirror->frames.push_back(ForMirror(100));
    EXPECT_EQ(LoadFrame(WaitForReceived()), ForMirror(100));
    AddBuffers(1, 150);
    // One that takes more than the other half is dropped.
    mirror->frames.push_back(ForMirror(1500));
    RunUntil([&] { return net->metrics().rx_fails == 1; });
    ASSERT_TRUE(SendToCard(Frame(60)));
    EXPECT_EQ(LoadFrame(WaitForReceived()), Frame(60));
  }
}

TEST_F(FrameDetourTest, ManyFramesComeInTheirOrder) {
  StartWithMirror();
  AddBuffers(250, kBufferBytes);
  for (int i = 0; i < 200; ++i) {
    mirror->frames.push_back(ForMirror(100, static_cast<uint8_t>(i)));
  }
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(LoadFrame(WaitForReceived()), ForMirror(100, static_cast<uint8_t>(i)));
  }
}

TEST_F(FrameDetourTest, TakenFramesCostNoTokens) {
  NetDeviceOptions options;
  options.tx_rate_limiter.ops = {.size = 2, .refill_time_ms = 100'000'000};
  StartWithMirror(std::move(options));
  for (uint8_t i = 0; i < 50; ++i) {
    Transmit(ForMirror(100, i));
  }
  Transmit(Frame(60));
  Transmit(Frame(60));
  EXPECT_EQ(net->metrics().tx_rate_limiter_throttled, 0u);
  Queue(Frame(60));
  RunUntil([&] { return net->metrics().tx_rate_limiter_throttled == 1; });
}

TEST_F(FrameDetourTest, ItsFramesAreHeldToTheRateOfReceiving) {
  NetDeviceOptions options;
  options.rx_rate_limiter.ops = {.size = 3, .refill_time_ms = 100'000'000};
  StartWithMirror(std::move(options));
  AddBuffers(64, kBufferBytes);
  for (uint8_t i = 0; i < 5; ++i) {
    Transmit(ForMirror(100, i));
  }
  RunUntil([&] { return net->metrics().rx_rate_limiter_throttled > 0; });
  EXPECT_EQ(driver->queue(kReceive).used_count(), 3);
  net->UpdateReceiveLimiter({.ops = TokenBucketConfig{}});
  RunUntil([&] { return driver->queue(kReceive).used_count() == 5; });
}

TEST_F(FrameDetourTest, MalformedFramesAreNotOffered) {
  StartWithMirror();
  Transmit(std::vector<uint8_t>(25, 0x77));
  EXPECT_EQ(mirror->offered_count, 0);
  EXPECT_EQ(net->metrics().tx_malformed_frames, 1u);
}

TEST_F(FrameDetourTest, AResetOfTheDriverReachesIt) {
  StartWithMirror();
  Transmit(ForMirror(100));
  Transmit(ForMirror(200));
  Reset();
  EXPECT_EQ(mirror->reset_count, 1);
  StartWithRings(net->offered_features());
  AddBuffers(64, kBufferBytes);
  Transmit(ForMirror(300));
  EXPECT_EQ(LoadFrame(WaitForReceived()), ForMirror(300));
}

}  // namespace
}  // namespace mayfly
