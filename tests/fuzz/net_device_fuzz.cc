// Drives a network card with any buffers, frames, registers and guest memory, its network full or
// empty and its rates changed meanwhile.
//
// An input is what VirtioGuest reads: mode, the card's kind, queue size, features, then steps.

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/owned_fd.h"
#include "devices/virtio/net_device.h"
#include "devices/virtio/tap.h"
#include "fuzzer/FuzzedDataProvider.h"
#include "tests/fuzz/virtio_guest.h"

namespace mayfly {
namespace {

// Receive buffers, which stay with the card, or a frame to send, cut where the input says.
bool BuildRequest(VirtioGuest& guest, size_t queue_index, ChainBuilder& chain) {
  const uint8_t kind = guest.TakeByte();
  const uint32_t size = guest.TakeWord() % (kind % 8 == 0 ? 0x4000u : 2048u);
  const uint32_t cut = 1 + guest.TakeByte() % 40;
  if (queue_index == NetDevice::kReceiveQueue) {
    const uint32_t room = 12 + size;
    const uint64_t start = guest.PickWritable(room);
    if (kind % 2 == 0 && cut < room) {
      chain.Writable(start, cut).Writable(start + cut, room - cut);
    } else {
      chain.Writable(start, room);
    }
    return false;
  }
  const uint64_t start = guest.StoreReadable(std::vector<uint8_t>(1 + size, kind));
  if (kind % 2 == 0 && cut < 1 + size) {
    chain.Readable(start, cut).Readable(start + cut, 1 + size - cut);
  } else {
    chain.Readable(start, 1 + size);
  }
  if (kind % 32 == 31) {
    chain.Writable(guest.PickWritable(64), 64);
  }
  return true;
}

class Network {
 public:
  explicit Network(OwnedFd fd) : fd_(std::move(fd)) {}

  void Send(size_t size_bytes) const {
    const std::vector<uint8_t> frame(size_bytes, 0x33);
    (void)!send(fd_.get(), frame.data(), frame.size(), MSG_DONTWAIT);
  }
  void TakeAll() const {
    std::array<uint8_t, 64> start{};
    while (recv(fd_.get(), start.data(), start.size(), MSG_DONTWAIT) >= 0) {
    }
  }

 private:
  OwnedFd fd_;
};

void Run(FuzzedDataProvider& provider) {
  VirtioGuest guest(&provider);
  std::array<int, 2> fds{-1, -1};
  MAYFLY_CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
  const Network network{OwnedFd(fds[1])};
  const uint8_t kind = guest.TakeByte();
  NetDeviceOptions options;
  if (kind % 2 == 1) {
    options.mac = MacAddress{2, 0, 0, 0, 0, 1};
    options.mtu = 1500;
  }
  if (kind % 8 == 7) {
    options.rx_rate_limiter.ops = {.size = 1000, .refill_time_ms = 1};
    options.tx_rate_limiter.bandwidth = {.size = 1 << 20, .refill_time_ms = 1};
  }
  auto owned = std::make_unique<NetDevice>(VirtioGuest::Loop(), Tap::ForPackets(OwnedFd(fds[0])),
                                           std::move(options));
  NetDevice* card = owned.get();
  guest.Attach(std::move(owned), BuildRequest, [&guest, &network, card] {
    const uint8_t step = guest.TakeByte();
    if (step % 4 == 1) {
      for (int i = 0; i < 1 + step / 64; ++i) {
        network.Send(guest.TakeWord() % 8192);
      }
    } else if (step % 8 == 2) {
      card->UpdateReceiveLimiter({.ops = TokenBucketConfig{.size = step, .refill_time_ms = 1}});
    } else if (step % 8 == 6) {
      card->UpdateTransmitLimiter({.ops = TokenBucketConfig{.size = step, .refill_time_ms = 1}});
    } else if (step % 8 == 4) {
      card->Pause([card] { card->Resume(); });
    } else {
      network.TakeAll();
    }
  });
  guest.Run();
}

}  // namespace
}  // namespace mayfly

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size_bytes) {
  FuzzedDataProvider provider(data, size_bytes);
  mayfly::Run(provider);
  return 0;
}
