// Drives the registers of a virtio-mmio device with any accesses and checks what its device is
// told.
//
// An input is what VirtioGuest reads: mode, queue size, features, then steps.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"
#include "devices/virtio/virtio_device.h"
#include "devices/virtio/virtio_ids.h"
#include "fuzzer/FuzzedDataProvider.h"
#include "tests/fuzz/virtio_guest.h"

namespace mayfly {
namespace {

// Gives every chain back at once. Checks that it is used as VirtioDevice says.
class EchoDevice : public VirtioDevice {
 public:
  uint32_t device_id() const override { return 42; }
  uint64_t offered_features() const override { return FeatureBit(0) | FeatureBit(40); }
  size_t queue_count() const override { return 2; }
  std::vector<uint8_t> config() const override { return std::vector<uint8_t>(24, 7); }

  void Activate(uint64_t features, std::vector<std::unique_ptr<VirtQueue>> queues) override {
    MAYFLY_CHECK(!is_active_ && queues.size() == queue_count());
    MAYFLY_CHECK((features & kFeatureVersion1) != 0);
    is_active_ = true;
    queues_ = std::move(queues);
  }

  void OnNotification(size_t queue_index) override {
    MAYFLY_CHECK(is_active_ && queue_index < queue_count());
    std::unique_ptr<VirtQueue>& queue = queues_[queue_index];
    for (int i = 0; queue != nullptr && i < kQueueMaxSize; ++i) {
      const auto has_chain = queue->Pop(chain_);
      if (!has_chain.ok()) {
        queue = nullptr;
        transport()->SetNeedsReset(has_chain.status().message());
        return;
      }
      if (!*has_chain && queue->EnableNotification()) {
        break;
      }
      if (*has_chain) {
        queue->PushUsed(chain_.head, 0);
      }
    }
    if (queue != nullptr && queue->Publish()) {
      transport()->RaiseQueueInterrupt();
    }
  }

  void Pause(absl::AnyInvocable<void()> done) override {
    VirtioGuest::Loop()->Post(std::move(done));
  }
  void Resume() override {}

  void Deactivate(absl::AnyInvocable<void()> done) override {
    MAYFLY_CHECK(is_active_);
    is_active_ = false;
    queues_.clear();
    VirtioGuest::Loop()->Post(std::move(done));
  }
  void Quiesce(absl::AnyInvocable<void()> done) override {
    VirtioGuest::Loop()->Post(std::move(done));
  }

  void ChangeConfig(uint8_t value) { transport()->UpdateConfig(std::vector<uint8_t>(24, value)); }

 private:
  bool is_active_ = false;
  std::vector<std::unique_ptr<VirtQueue>> queues_;
  DescriptorChain chain_;
};

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
  auto owned = std::make_unique<EchoDevice>();
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
