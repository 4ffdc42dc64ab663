// NetTransmitter: frames of a guest, cut anywhere, of every size, in batches, held to a rate.

#include "devices/virtio/net_transmitter.h"

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/devices/virtio/net_fixture.h"

namespace mayfly {
namespace {

using NetTransmitterTest = NetTest;

TEST_F(NetTransmitterTest, SendsFramesOfEverySize) {
  StartNet();
  uint64_t bytes = 0;
  for (const size_t size : {26u, 27u, 76u, 1526u, 9026u, 65562u}) {
    driver->FreeAll();
    Transmit(Frame(size));
    EXPECT_EQ(WaitForFrame(), Frame(size));
    bytes += size;
  }
  EXPECT_EQ(net->metrics().tx_packets_count, 6u);
  EXPECT_EQ(net->metrics().tx_bytes_count, bytes);
}

// 2.7.4.1: a device makes no assumption about how a driver cuts its buffers.
TEST_F(NetTransmitterTest, SendsAFrameCutAtEveryByte) {
  StartNet({.mac = kMac});
  const std::vector<uint8_t> frame = Frame(100);
  const uint64_t start = driver->Store(frame);
  for (uint32_t cut = 1; cut < 100; ++cut) {
    driver->queue(kTransmit).Add(
        ChainBuilder().Readable(start, cut).Readable(start + cut, 100 - cut).Build());
    driver->Notify(kTransmit);
    ASSERT_EQ(WaitForFrame(), frame) << cut;
    WaitForUsed(kTransmit);
  }
  EXPECT_EQ(net->metrics().tx_spoofed_mac_count, 0u);
}

TEST_F(NetTransmitterTest, SendsAFrameOfAsManyPiecesAsTheQueueHas) {
  StartNet();
  const std::vector<uint8_t> frame = Frame(2048);
  const uint64_t start = driver->Store(frame);
  ChainBuilder chain;
  for (uint64_t i = 0; i < 256; ++i) {
    chain.Readable(start + 8 * i, 8);
  }
  driver->queue(kTransmit).Add(chain.Indirect(memory, driver->Allocate(4096)));
  driver->Notify(kTransmit);
  EXPECT_EQ(WaitForFrame(), frame);
}

TEST_F(NetTransmitterTest, DropsFramesThatAreNone) {
  StartNet();
  const uint64_t buffer = driver->Allocate(0x20000);
  const std::vector<std::vector<VirtqDescriptor>> bad = {
      ChainBuilder().Readable(buffer, 1).Build(),
      ChainBuilder().Readable(buffer, 12).Build(),
      ChainBuilder().Readable(buffer, 25).Build(),
      ChainBuilder().Readable(buffer, 65563).Build(),
      ChainBuilder().Readable(buffer, 0x10000).Readable(buffer, 0x10000).Build(),
      ChainBuilder().Writable(buffer, 1526).Build(),
      ChainBuilder().Readable(buffer, 100).Writable(buffer, 100).Build()};
  for (const std::vector<VirtqDescriptor>& chain : bad) {
    const uint16_t head = driver->queue(kTransmit).Add(chain);
    driver->Notify(kTransmit);
    const FakeQueue::Used used = WaitForUsed(kTransmit);
    EXPECT_EQ(used.head, head);
    EXPECT_EQ(used.written_bytes, 0u);
  }
  EXPECT_EQ(net->metrics().tx_malformed_frames, bad.size());
  EXPECT_FALSE(NeedsReset());
  EXPECT_FALSE(TakeFromCard().has_value());
  EXPECT_EQ(driver->Load(buffer, 1526), std::vector<uint8_t>(1526));
  Transmit(Frame(60));
  EXPECT_EQ(WaitForFrame(), Frame(60));
}

TEST_F(NetTransmitterTest, KeepsTheOrderAndInterruptsOnceABatch) {
  StartNet();
  // Fewer than a socket queues, so that none has to wait.
  constexpr uint8_t kCount = 8;
  for (uint8_t i = 0; i < kCount; ++i) {
    driver->queue(kTransmit).Add(ChainBuilder().Readable(driver->Store(Frame(60, i)), 60).Build());
  }
  irq.Take();
  driver->Notify(kTransmit);
  for (uint8_t i = 0; i < kCount; ++i) {
    EXPECT_EQ(WaitForFrame(), Frame(60, i));
  }
  RunUntil([&] { return driver->queue(kTransmit).used_count() == kCount; });
  EXPECT_EQ(irq.Take(), 1);
  EXPECT_EQ(driver->TakeInterruptStatus(), 1u);
}

TEST_F(NetTransmitterTest, CountsFramesOfAnotherSource) {
  StartNet({.mac = kMac});
  Transmit(Frame(60));
  Transmit(Frame(60, 1, {2, 2, 2, 2, 2, 2}));
  EXPECT_EQ(net->metrics().tx_spoofed_mac_count, 1u);
  EXPECT_EQ(net->metrics().tx_packets_count, 2u);
}

TEST_F(NetTransmitterTest, WaitsForANetworkThatIsFull) {
  StartNet();
  constexpr size_t kCount = 256;
  const uint64_t start = driver->Store(Frame(2000));
  for (size_t i = 0; i < kCount; ++i) {
    driver->queue(kTransmit).Add(ChainBuilder().Readable(start, 2000).Build());
  }
  driver->Notify(kTransmit);
  RunFor(5'000);
  EXPECT_LT(driver->queue(kTransmit).used_count(), kCount);
  for (size_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(WaitForFrame(), Frame(2000));
  }
  RunUntil([&] { return driver->queue(kTransmit).used_count() == kCount; });
}

TEST_F(NetTransmitterTest, AResetDropsWhatIsInFlight) {
  StartNet();
  const uint64_t start = driver->Store(Frame(2000));
  for (size_t i = 0; i < 256; ++i) {
    driver->queue(kTransmit).Add(ChainBuilder().Readable(start, 2000).Build());
  }
  driver->Notify(kTransmit);
  RunFor(2'000);
  Reset();
  const uint16_t used_index = driver->queue(kTransmit).used_index();
  while (TakeFromCard()) {
  }
  RunFor(2'000);
  // Nothing comes after the reset, neither on the network nor in the ring.
  EXPECT_FALSE(TakeFromCard().has_value());
  EXPECT_EQ(driver->queue(kTransmit).used_index(), used_index);
  StartWithRings();
  Transmit(Frame(60));
  EXPECT_EQ(WaitForFrame(), Frame(60));
}

TEST_F(NetTransmitterTest, KeepsToItsRate) {
  NetDeviceOptions options;
  options.tx_rate_limiter.bandwidth = {.size = 20'000, .refill_time_ms = 100};
  StartNet(std::move(options));
  const uint64_t start = driver->Store(Frame(1'000));
  for (size_t i = 0; i < 60; ++i) {
    driver->queue(kTransmit).Add(ChainBuilder().Readable(start, 1'000).Build());
  }
  const int64_t start_us = MonotonicTimeUs();
  driver->Notify(kTransmit);
  for (size_t i = 0; i < 60; ++i) {
    WaitForFrame();
  }
  // 20 at once, then 40 at 200 a second.
  EXPECT_GE(MonotonicTimeUs() - start_us, 190'000);
  EXPECT_LT(MonotonicTimeUs() - start_us, 400'000);
  EXPECT_GT(net->metrics().tx_rate_limiter_throttled, 0u);
}

TEST_F(NetTransmitterTest, ACardWhoseTransmitQueueTheDriverLeftOutReceives) {
  StartNet();
  Reset();
  ASSERT_TRUE(driver->Negotiate(kFeatureVersion1));
  driver->queue(kReceive).Clear();
  driver->WriteQueueRegisters(kReceive, driver->queue(kReceive).state());
  driver->SetDriverOk();
  AddBuffers(64, 1526);
  driver->Notify(kTransmit);
  ASSERT_TRUE(SendToCard(Frame(60)));
  EXPECT_EQ(LoadFrame(WaitForReceived()), Frame(60));
}

}  // namespace
}  // namespace mayfly
