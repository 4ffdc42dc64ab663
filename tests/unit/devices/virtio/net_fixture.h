// NetTest: a test with a network card whose network is the other end of a socket pair.

#ifndef MAYFLY_TESTS_UNIT_DEVICES_VIRTIO_NET_FIXTURE_H_
#define MAYFLY_TESTS_UNIT_DEVICES_VIRTIO_NET_FIXTURE_H_

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/owned_fd.h"
#include "devices/virtio/frame_detour.h"
#include "devices/virtio/net_config.h"
#include "devices/virtio/net_device.h"
#include "devices/virtio/tap.h"
#include "gtest/gtest.h"
#include "tests/fakes/chain_builder.h"
#include "tests/unit/devices/virtio/virtio_fixture.h"

namespace mayfly {

class NetTest : public VirtioTest {
 protected:
  static constexpr size_t kReceive = NetDevice::kReceiveQueue;
  static constexpr size_t kTransmit = NetDevice::kTransmitQueue;
  static constexpr MacAddress kMac = {0x06, 0x00, 0xac, 0x10, 0x00, 0x02};

  // A card with every feature it offers but `without`.
  void StartNet(NetDeviceOptions options = {}, uint64_t without = 0,
                uint16_t queue_size = kQueueMaxSize,
                std::unique_ptr<FrameDetour> detour = nullptr) {
    StartNetOn(MakeTap(), std::move(options), without, queue_size, std::move(detour));
  }
  // Replaces the network.
  Tap MakeTap() {
    std::array<int, 2> fds{-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    network = OwnedFd(fds[1]);
    return Tap::ForPackets(OwnedFd(fds[0]));
  }
  void StartNetOn(Tap tap, NetDeviceOptions options = {}, uint64_t without = 0,
                  uint16_t queue_size = kQueueMaxSize,
                  std::unique_ptr<FrameDetour> detour = nullptr) {
    options.on_warning = [this](absl::string_view warning) { warnings.emplace_back(warning); };
    auto created = std::make_unique<NetDevice>(loop.get(), std::move(tap), std::move(options),
                                               std::move(detour));
    net = created.get();
    Attach(std::move(created), queue_size);
    StartWithRings(net->offered_features() & ~without);
  }

  // A frame as the card and the network exchange it: 12 bytes of header, addresses, type, payload.
  static std::vector<uint8_t> Frame(size_t size_bytes, uint8_t first = 1,
                                    const MacAddress& source = kMac) {
    std::vector<uint8_t> frame(size_bytes);
    for (size_t i = Tap::kHeaderBytes; i < size_bytes; ++i) {
      frame[i] = static_cast<uint8_t>(first + i * 3);
    }
    for (size_t i = 0; i < source.size() && i + 18 < size_bytes; ++i) {
      frame[i + 18] = source[i];
    }
    return frame;
  }

  // The network's end. Send is false when the network is full.
  bool SendToCard(const std::vector<uint8_t>& frame) const {
    return send(network.get(), frame.data(), frame.size(), MSG_DONTWAIT) ==
           static_cast<ssize_t>(frame.size());
  }
  std::optional<std::vector<uint8_t>> TakeFromCard() const {
    std::vector<uint8_t> frame(128 << 10);
    const ssize_t size = recv(network.get(), frame.data(), frame.size(), MSG_DONTWAIT);
    if (size < 0) {
      return std::nullopt;
    }
    frame.resize(static_cast<size_t>(size));
    return frame;
  }
  std::vector<uint8_t> WaitForFrame() {
    std::optional<std::vector<uint8_t>> frame;
    RunUntil([&] { return frame || (frame = TakeFromCard()); });
    return frame.value_or(std::vector<uint8_t>());
  }

  // Gives the card buffers for frames, which lie one behind the other; returns where the first is.
  uint64_t AddBuffers(size_t count, uint32_t size_bytes) {
    const uint64_t start = driver->Allocate(count * size_bytes);
    for (size_t i = 0; i < count; ++i) {
      const uint64_t buffer = start + i * size_bytes;
      const uint16_t head =
          driver->queue(kReceive).Add(ChainBuilder().Writable(buffer, size_bytes).Build());
      buffer_of_head[head] = buffer;
    }
    driver->Notify(kReceive);
    return start;
  }

  // A buffer that came back; the card may use them in any order.
  struct Received {
    uint64_t buffer = 0;
    uint32_t size_bytes = 0;
  };
  Received WaitForReceived() {
    const FakeQueue::Used used = WaitForUsed(kReceive);
    return {buffer_of_head[used.head], used.written_bytes};
  }

  // Sends a frame and waits until the card has given it back.
  void Transmit(const std::vector<uint8_t>& frame) {
    driver->queue(kTransmit).Add(
        ChainBuilder().Readable(driver->Store(frame), static_cast<uint32_t>(frame.size())).Build());
    driver->Notify(kTransmit);
    EXPECT_EQ(WaitForUsed(kTransmit).written_bytes, 0u);
  }

  uint16_t BufferCount(uint64_t buffer) const {
    return static_cast<uint16_t>(driver->LoadByte(buffer + 10) | driver->LoadByte(buffer + 11)
                                                                     << 8);
  }
  // What a buffer of a received frame holds, with the header as the network sent it.
  std::vector<uint8_t> LoadFrame(const Received& received) const {
    std::vector<uint8_t> bytes = driver->Load(received.buffer, received.size_bytes);
    if (bytes.size() >= Tap::kHeaderBytes) {
      bytes[10] = bytes[11] = 0;
    }
    return bytes;
  }

  OwnedFd network;
  std::map<uint32_t, uint64_t> buffer_of_head;
  NetDevice* net = nullptr;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_UNIT_DEVICES_VIRTIO_NET_FIXTURE_H_
