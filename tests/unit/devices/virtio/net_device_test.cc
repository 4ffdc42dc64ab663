// NetDevice: configuration, a real TAP and its end, both directions at once, the bound on memory.

#include "devices/virtio/net_device.h"

#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/heap_use.h"
#include "tests/fakes/network_namespace.h"
#include "tests/unit/devices/virtio/net_fixture.h"

namespace mayfly {
namespace {

using testing::HasSubstr;

class NetDeviceTest : public NetTest {
 protected:
  // Runs the test with a card on "tap0", or skips it.
  void RunOnTap(const std::function<void()>& function) {
    loop.reset();
    const std::string reason = NetworkNamespace::Run([&] {
      // The loop, too, belongs to the thread that is in the network.
      CreateLoop();
      NetworkNamespace::AddTap("tap0");
      auto tap = Tap::Open("tap0", Tap::Missing::kIsError);
      ASSERT_TRUE(tap.ok()) << tap.status();
      StartNetOn(*std::move(tap), {.mac = kMac});
      network = NetworkNamespace::OpenInterface("tap0");
      function();
      driver.reset();
      transport.reset();
      loop.reset();
    });
    if (!reason.empty()) {
      GTEST_SKIP() << reason;
    }
  }

  // On the wire there is no virtio header. The kernel sends frames of its own as well.
  static std::vector<uint8_t> OnWire(const std::vector<uint8_t>& frame) {
    return {frame.begin() + Tap::kHeaderBytes, frame.end()};
  }
  void WaitForOnWire(const std::vector<uint8_t>& wire) {
    bool is_there = false;
    RunUntil([&] {
      while (const auto frame = TakeFromCard()) {
        is_there = is_there || *frame == wire;
      }
      return is_there;
    });
  }
};

TEST_F(NetDeviceTest, TellsWhatItIs) {
  StartNet({.mac = kMac, .mtu = 9000});
  EXPECT_EQ(driver->ReadRegister(mmio::kDeviceId), 1u);
  EXPECT_EQ(driver->ReadConfig(0, 12),
            (std::vector<uint8_t>{0x06, 0x00, 0xac, 0x10, 0x00, 0x02, 1, 0, 1, 0, 0x28, 0x23}));
  EXPECT_NE(driver->device_features() & kNetFeatureMac, 0u);
  EXPECT_NE(driver->device_features() & kNetFeatureMtu, 0u);
  StartNet();
  EXPECT_EQ(driver->device_features() & (kNetFeatureMac | kNetFeatureMtu), 0u);
}

TEST_F(NetDeviceTest, BothDirectionsRunAtOnce) {
  StartNet();
  AddBuffers(128, 1536);
  for (uint8_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(SendToCard(Frame(60, i)));
    driver->queue(kTransmit).Add(ChainBuilder().Readable(driver->Store(Frame(80, i)), 80).Build());
    driver->Notify(kTransmit);
    EXPECT_EQ(WaitForFrame(), Frame(80, i));
    EXPECT_EQ(LoadFrame(WaitForReceived()), Frame(60, i));
    WaitForUsed(kTransmit);
  }
  EXPECT_EQ(net->metrics().rx_packets_count, 100u);
  EXPECT_EQ(net->metrics().tx_packets_count, 100u);
}

TEST_F(NetDeviceTest, FramesPassBetweenGuestAndTap) {
  RunOnTap([this] {
    AddBuffers(200, 1536);
    const std::vector<uint8_t> out = Frame(120, 9);
    driver->queue(kTransmit).Add(ChainBuilder().Readable(driver->Store(out), 120).Build());
    driver->Notify(kTransmit);
    WaitForOnWire(OnWire(out));
    const std::vector<uint8_t> in = Frame(300, 5);
    const std::vector<uint8_t> wire = OnWire(in);
    ASSERT_EQ(send(network.get(), wire.data(), wire.size(), 0), static_cast<ssize_t>(wire.size()));
    Received received;
    do {
      received = WaitForReceived();
    } while (received.buffer != 0 && received.size_bytes != 300);
    EXPECT_EQ(OnWire(LoadFrame(received)), wire);
    EXPECT_EQ(BufferCount(received.buffer), 1);
  });
}

TEST_F(NetDeviceTest, ATapThatIsTakenAwayTakesTheLinkDown) {
  RunOnTap([this] {
    AddBuffers(200, 1536);
    RunFor(1'000);
    ASSERT_EQ(system("ip link del tap0 2>/dev/null"), 0) << "iproute2 is missing";
    Transmit(Frame(120));
    RunUntil([this] { return !warnings.empty(); });
    EXPECT_THAT(warnings[0], HasSubstr("tap0"));
    // Section 5.1.4: no VIRTIO_NET_S_LINK_UP.
    EXPECT_EQ(driver->ReadConfig(6, 2), std::vector<uint8_t>(2));
    EXPECT_EQ(driver->TakeInterruptStatus() & 2u, 2u);
    Transmit(Frame(120));
    RunFor(2'000);
    EXPECT_FALSE(NeedsReset());
    EXPECT_EQ(warnings.size(), 1u);
    Reset();
    StartWithRings(net->offered_features());
    AddBuffers(10, 1536);
    Transmit(Frame(120));
  });
}

TEST_F(NetDeviceTest, QuiesceEndsEverything) {
  StartNet();
  AddBuffers(64, 1536);
  RunFor(500);
  bool is_quiesced = false;
  net->Quiesce([&] { is_quiesced = true; });
  EXPECT_FALSE(is_quiesced);
  RunUntil([&] { return is_quiesced; });
  ASSERT_TRUE(SendToCard(Frame(60)));
  RunFor(1'000);
  EXPECT_EQ(driver->queue(kReceive).used_count(), 0);
}

// The bound of docs/virtio.md: 7 MiB for a card.
TEST_F(NetDeviceTest, MemoryDoesNotGrowWithWhatTheGuestDoes) {
  StartNet();
  const size_t before = HeapUseBytes();
  size_t after_first_rounds = 0;
  for (int round = 0; round < 60; ++round) {
    driver->FreeAll();
    // Buffers of as many pieces as a chain may have, of the size that a round chooses.
    const auto piece_bytes = static_cast<uint32_t>(1 + round % 3 * 16);
    const uint64_t data = driver->Allocate(0x4000);
    ChainBuilder receive;
    ChainBuilder transmit;
    for (int i = 0; i < 256; ++i) {
      receive.Writable(data, piece_bytes);
      transmit.Readable(data, piece_bytes);
    }
    const VirtqDescriptor room = receive.Indirect(memory, driver->Allocate(4096))[0];
    const VirtqDescriptor frame = transmit.Indirect(memory, driver->Allocate(4096))[0];
    for (int i = 0; i < 256; ++i) {
      driver->queue(kReceive).Add({room});
      driver->queue(kTransmit).Add({frame});
    }
    driver->Notify(kReceive);
    driver->Notify(kTransmit);
    for (int i = 0; i < 20; ++i) {
      SendToCard(Frame(i % 2 == 0 ? 60 : 65562));
      RunFor(200);
      while (TakeFromCard()) {
      }
    }
    Reset();
    StartWithRings(net->offered_features());
    after_first_rounds = round == 5 ? HeapUseBytes() : after_first_rounds;
  }
  EXPECT_LT(HeapUseBytes(), before + (size_t{7} << 20));
  EXPECT_LT(HeapUseBytes(), after_first_rounds + (size_t{1} << 20));
}

}  // namespace
}  // namespace mayfly
