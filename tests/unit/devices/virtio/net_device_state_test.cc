// NetDevice: a card that goes on elsewhere uses every buffer once.

#include <cstdint>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "devices/virtio/net_device.h"
#include "gtest/gtest.h"
#include "tests/unit/devices/virtio/net_fixture.h"

namespace mayfly {
namespace {

class NetDeviceStateTest : public NetTest {
 protected:
  std::unique_ptr<NetDevice> MakeNet(const NetDeviceOptions& options = {}) {
    auto created = std::make_unique<NetDevice>(loop.get(), MakeTap(), options);
    net = created.get();
    return created;
  }
  // As many frames as there are buffers left, each to another one.
  void ExpectBuffersWork(size_t count) {
    std::set<uint64_t> buffers;
    for (size_t i = 0; i < count; ++i) {
      ASSERT_TRUE(SendToCard(Frame(60, static_cast<uint8_t>(i))));
      const Received received = WaitForReceived();
      ASSERT_EQ(LoadFrame(received), Frame(60, static_cast<uint8_t>(i)));
      ASSERT_TRUE(buffers.insert(received.buffer).second);
    }
    EXPECT_EQ(driver->queue(kReceive).outstanding_count(), 0u);
  }
};

TEST_F(NetDeviceStateTest, BuffersThatWereTakenAreUsedOnBothSides) {
  StartNet();
  AddBuffers(64, 1536);
  for (uint8_t i = 0; i < 5; ++i) {
    ASSERT_TRUE(SendToCard(Frame(60, i)));
  }
  for (uint8_t i = 0; i < 5; ++i) {
    ASSERT_EQ(LoadFrame(WaitForReceived()), Frame(60, i));
  }
  const Snapshot snapshot = TakeSnapshot();
  EXPECT_FALSE(snapshot.state.registers.queues[kReceive].taken_heads.empty());
  transport->Resume();
  ExpectBuffersWork(59);

  Restore(snapshot, MakeNet());
  const std::vector<uint8_t> before = RamBytes();
  ASSERT_TRUE(SendToCard(Frame(60, 200)));
  RunFor(500);
  ASSERT_EQ(RamBytes(), before);
  transport->Resume();
  EXPECT_EQ(LoadFrame(WaitForReceived()), Frame(60, 200));
  ExpectBuffersWork(58);
  AddBuffers(10, 1536);
  ExpectBuffersWork(10);
}

TEST_F(NetDeviceStateTest, TheBuffersOfHeldFramesAreFree) {
  NetDeviceOptions options;
  options.rx_rate_limiter.ops = {.size = 1, .refill_time_ms = 600'000};
  StartNet(options);
  AddBuffers(16, 1536);
  for (uint8_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(SendToCard(Frame(60, i)));
  }
  RunUntil([&] { return net->metrics().rx_rate_limiter_throttled > 0; });
  ASSERT_EQ(LoadFrame(WaitForReceived()), Frame(60, 0));
  const Snapshot snapshot = TakeSnapshot();
  const NetDeviceState state = net->State();
  EXPECT_EQ(state.rx_rate_limiter.ops->level, 0u);
  // The card that goes on has them.
  net->UpdateReceiveLimiter({.ops = TokenBucketConfig{}});
  transport->Resume();
  EXPECT_EQ(LoadFrame(WaitForReceived()), Frame(60, 1));
  EXPECT_EQ(LoadFrame(WaitForReceived()), Frame(60, 2));

  Restore(snapshot, MakeNet());
  EXPECT_TRUE(net->Restore(state).ok());
  transport->Resume();
  ExpectBuffersWork(15);
}

TEST_F(NetDeviceStateTest, FramesToSendAreSentOnce) {
  NetDeviceOptions options;
  options.tx_rate_limiter.ops = {.size = 2, .refill_time_ms = 600'000};
  StartNet(options);
  for (uint8_t i = 0; i < 6; ++i) {
    driver->queue(kTransmit).Add(ChainBuilder().Readable(driver->Store(Frame(80, i)), 80).Build());
  }
  driver->Notify(kTransmit);
  RunUntil([&] { return net->metrics().tx_rate_limiter_throttled > 0; });
  const Snapshot snapshot = TakeSnapshot();
  EXPECT_EQ(snapshot.state.registers.queues[kTransmit].taken_heads.size(), 1u);
  EXPECT_EQ(WaitForFrame(), Frame(80, 0));
  EXPECT_EQ(WaitForFrame(), Frame(80, 1));
  EXPECT_EQ(net->State().tx_rate_limiter.ops->level, 0u);

  Restore(snapshot, MakeNet());
  transport->Resume();
  for (uint8_t i = 2; i < 6; ++i) {
    EXPECT_EQ(WaitForFrame(), Frame(80, i));
  }
  RunUntil([&] { return driver->queue(kTransmit).used_count() == 6; });
}

TEST_F(NetDeviceStateTest, ImpossibleStatesAreRefused) {
  StartNet();
  const TokenBucketState impossible = {.level = 1, .debt = 1};
  EXPECT_EQ(net->Restore({.rx_rate_limiter = {.ops = impossible}}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(net->Restore({.tx_rate_limiter = {.ops = impossible}}).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace mayfly
