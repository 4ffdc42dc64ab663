// NetReceiver: frames to a guest, in one buffer or merged from several, floods, resets, rates.

#include "devices/virtio/net_receiver.h"

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/devices/virtio/net_fixture.h"

namespace mayfly {
namespace {

class NetReceiverTest : public NetTest {
 protected:
  // Enough for the largest frame, in the pieces that Linux uses.
  static constexpr size_t kBufferCount = 64;
  static constexpr uint32_t kBufferBytes = 1536;
};

TEST_F(NetReceiverTest, PutsAFrameIntoOneBuffer) {
  StartNet();
  AddBuffers(kBufferCount * 3, kBufferBytes);
  for (size_t i = 0; i < 10; ++i) {
    const std::vector<uint8_t> frame = Frame(60 + i, static_cast<uint8_t>(i));
    ASSERT_TRUE(SendToCard(frame));
    const Received received = WaitForReceived();
    EXPECT_EQ(LoadFrame(received), frame);
    EXPECT_EQ(BufferCount(received.buffer), 1);
    // Nothing behind the frame is touched.
    EXPECT_EQ(driver->LoadByte(received.buffer + 60 + i), 0);
  }
  EXPECT_EQ(net->metrics().rx_packets_count, 10u);
}

// 5.1.6.4.1: num_buffers is 1 when buffers are not merged.
TEST_F(NetReceiverTest, WithoutMergedBuffersAFrameTakesOne) {
  StartNet({}, kNetFeatureMergeableBuffers);
  AddBuffers(4, 65562);
  for (size_t i = 0; i < 4; ++i) {
    const std::vector<uint8_t> frame = Frame(i == 0 ? 65562 : 60, static_cast<uint8_t>(i));
    ASSERT_TRUE(SendToCard(frame));
    const Received received = WaitForReceived();
    EXPECT_EQ(LoadFrame(received), frame);
    EXPECT_EQ(BufferCount(received.buffer), 1);
  }
}

TEST_F(NetReceiverTest, MergesAsManyBuffersAsAFrameNeeds) {
  StartNet();
  for (const size_t size : {1536u, 1537u, 4000u, 9026u, 65562u}) {
    driver->FreeAll();
    AddBuffers(kBufferCount, kBufferBytes);
    const std::vector<uint8_t> frame = Frame(size);
    ASSERT_TRUE(SendToCard(frame));
    const size_t needed = (size + kBufferBytes - 1) / kBufferBytes;
    RunUntil([&] { return driver->queue(kReceive).used_count() == needed; });
    const Received first = WaitForReceived();
    EXPECT_EQ(BufferCount(first.buffer), needed);
    std::vector<uint8_t> received = LoadFrame(first);
    for (size_t i = 1; i < needed; ++i) {
      const Received next = WaitForReceived();
      const std::vector<uint8_t> part = driver->Load(next.buffer, next.size_bytes);
      received.insert(received.end(), part.begin(), part.end());
    }
    EXPECT_EQ(received, frame);
    Reset();
    StartWithRings(net->offered_features());
  }
}

// CVE-2021-3748: the number of buffers goes where the header lies, however it is cut.
TEST_F(NetReceiverTest, Cve2021_3748_TheHeaderMayBeCutAnywhere) {
  StartNet({}, kNetFeatureMergeableBuffers);
  const uint64_t start = driver->Allocate(1600);
  for (uint32_t cut = 1; cut < 40; ++cut) {
    driver->Fill(start, 1600, 0xee);
    driver->queue(kReceive).Add(
        ChainBuilder().Writable(start, cut).Writable(start + 100, 1000).Build());
    driver->Notify(kReceive);
    const std::vector<uint8_t> frame = Frame(70);
    ASSERT_TRUE(SendToCard(frame));
    ASSERT_EQ(WaitForUsed(kReceive).written_bytes, 70u);
    std::vector<uint8_t> received = driver->Load(start, cut);
    const std::vector<uint8_t> rest = driver->Load(start + 100, 70 - cut);
    received.insert(received.end(), rest.begin(), rest.end());
    ASSERT_EQ(received[10], 1);
    ASSERT_EQ(received[11], 0);
    received[10] = 0;
    ASSERT_EQ(received, frame);
    ASSERT_EQ(driver->LoadByte(start + cut), 0xee);
    ASSERT_EQ(driver->LoadByte(start + 100 + 70 - cut), 0xee);
  }
}

TEST_F(NetReceiverTest, ABufferThatIsReadableOrTooSmallBreaksTheQueue) {
  const uint64_t scratch = 0x100000;
  for (const auto& chain : {ChainBuilder().Readable(scratch, 1526).Build(),
                            ChainBuilder().Readable(scratch, 12).Writable(scratch, 1526).Build(),
                            ChainBuilder().Writable(scratch, 11).Build()}) {
    StartNet();
    driver->queue(kReceive).Add(chain);
    driver->Notify(kReceive);
    RunUntil([&] { return NeedsReset(); });
    EXPECT_EQ(net->metrics().event_fails, 1u);
    ASSERT_TRUE(SendToCard(Frame(60)));
    RunFor(1'000);
    EXPECT_EQ(driver->queue(kReceive).used_count(), 0);
    // The other direction goes on.
    Transmit(Frame(60));
    EXPECT_EQ(WaitForFrame(), Frame(60));
  }
}

// CVE-2020-16843: frames that come while there are no buffers do not stop the card for ever.
TEST_F(NetReceiverTest, Cve2020_16843_RecoversFromAFloodWithoutBuffers) {
  StartNet({}, kNetFeatureMergeableBuffers);
  size_t sent_count = 0;
  while (SendToCard(Frame(1500, static_cast<uint8_t>(sent_count)))) {
    ++sent_count;
  }
  ASSERT_GT(sent_count, 2u);
  RunFor(5'000);
  size_t received_count = 0;
  while (received_count < 300) {
    driver->FreeAll();
    AddBuffers(3, 1526);
    // More comes than there are buffers, in every round.
    while (SendToCard(Frame(1500, static_cast<uint8_t>(sent_count)))) {
      ++sent_count;
    }
    RunUntil([&] { return driver->queue(kReceive).used_count() == 3; });
    for (size_t i = 0; i < 3; ++i, ++received_count) {
      ASSERT_EQ(LoadFrame(WaitForReceived()), Frame(1500, static_cast<uint8_t>(received_count)));
    }
  }
}

// A frame that all of a small queue cannot take is lost, and only that one.
TEST_F(NetReceiverTest, AFrameThatIsTooLargeForTheQueueDoesNotStopIt) {
  StartNet({}, 0, 8);
  for (int round = 0; round < 5; ++round) {
    driver->FreeAll();
    AddBuffers(driver->queue(kReceive).free_descriptor_count(), kBufferBytes);
    ASSERT_TRUE(SendToCard(Frame(65562)));
    ASSERT_TRUE(SendToCard(Frame(60)));
    EXPECT_EQ(LoadFrame(WaitForReceived()), Frame(60));
  }
  EXPECT_EQ(net->metrics().rx_fails, 5u);
}

TEST_F(NetReceiverTest, ReadsNothingWithoutBuffers) {
  StartNet();
  ASSERT_TRUE(SendToCard(Frame(60)));
  RunFor(2'000);
  EXPECT_EQ(net->metrics().rx_packets_count, 0u);
  AddBuffers(kBufferCount, kBufferBytes);
  EXPECT_EQ(WaitForUsed(kReceive).written_bytes, 60u);
}

TEST_F(NetReceiverTest, InterruptsOnceForABatch) {
  StartNet();
  AddBuffers(kBufferCount * 3, kBufferBytes);
  RunFor(1'000);
  // The first batch has one read, the second more.
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(SendToCard(Frame(60)));
    }
    irq.Take();
    const uint16_t before = driver->queue(kReceive).used_index();
    driver->queue(kReceive).SetUsedEvent(before);
    RunUntil([&] { return driver->queue(kReceive).used_index() == before + 3; });
    EXPECT_EQ(irq.Take(), 1);
  }
}

TEST_F(NetReceiverTest, AResetWithReadsInFlightLeavesMemoryAlone) {
  StartNet();
  for (int round = 0; round < 20; ++round) {
    driver->FreeAll();
    const uint64_t start = AddBuffers(kBufferCount, kBufferBytes);
    if (round % 2 == 0) {
      ASSERT_TRUE(SendToCard(Frame(60)));
    }
    RunFor(round % 4 < 2 ? 1 : 500);
    Reset();
    const uint64_t size = kBufferCount * kBufferBytes;
    driver->Fill(0x10000, start + size - 0x10000, 0xcc);
    ASSERT_TRUE(SendToCard(Frame(60)));
    RunFor(300);
    const std::vector<uint8_t> after = driver->Load(0x10000, start + size - 0x10000);
    ASSERT_EQ(std::count(after.begin(), after.end(), 0xcc), static_cast<ptrdiff_t>(after.size()));
    StartWithRings(net->offered_features());
    AddBuffers(kBufferCount, kBufferBytes);
    ASSERT_EQ(WaitForUsed(kReceive).written_bytes, 60u);
    Reset();
    StartWithRings(net->offered_features());
  }
}

TEST_F(NetReceiverTest, KeepsToItsRateAndLosesNothing) {
  NetDeviceOptions options;
  options.rx_rate_limiter.ops = {.size = 20, .refill_time_ms = 100};
  StartNet(std::move(options));
  AddBuffers(200, kBufferBytes);
  const int64_t start_us = MonotonicTimeUs();
  uint8_t sent_count = 0;
  RunUntil([&] {
    while (sent_count < 60 && SendToCard(Frame(60, sent_count))) {
      ++sent_count;
    }
    return driver->queue(kReceive).used_count() == 60;
  });
  // 20 at once, then 40 at 200 a second.
  EXPECT_GE(MonotonicTimeUs() - start_us, 190'000);
  EXPECT_LT(MonotonicTimeUs() - start_us, 400'000);
  EXPECT_GT(net->metrics().rx_rate_limiter_throttled, 0u);
  EXPECT_EQ(net->metrics().rx_packets_count, 60u);
}

}  // namespace
}  // namespace mayfly
