// Drives the registers of a virtio-mmio device with any accesses and checks what its device is
// told.
//
// An input is what VirtioGuest reads: mode, queue size, features, then steps.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "fuzzer/FuzzedDataProvider.h"
#include "tests/fuzz/echo_device.h"
#include "tests/fuzz/virtio_guest.h"

namespace mayfly {
namespace {

bool BuildRequest(VirtioGuest& guest, size_t /*queue_index*/, ChainBuilder& chain) {
  const uint8_t kind = guest.TakeByte();
  for (int i = 0; i < 1 + kind % 4; ++i) {
    chain.Readable(guest.PickReadable(64), 1u + kind % 64);
  }
  for (int i = 0; i < kind / 4 % 4; ++i) {
    chain.Writable(guest.PickWritable(64), 1u + kind % 64);
  }
  return true;
}

void Run(FuzzedDataProvider& provider) {
  VirtioGuest guest(&provider);
  auto owned = std::make_unique<EchoDevice>(VirtioGuest::Loop());
  EchoDevice* device = owned.get();
  guest.Attach(std::move(owned), BuildRequest,
               [&guest, device] { device->ChangeConfig(guest.TakeByte()); });
  guest.Run();
}

}  // namespace
}  // namespace mayfly

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size_bytes) {
  FuzzedDataProvider provider(data, size_bytes);
  mayfly::Run(provider);
  return 0;
}
