// EchoDevice: a virtio device of two queues for fuzz targets.

#ifndef MAYFLY_TESTS_FUZZ_ECHO_DEVICE_H_
#define MAYFLY_TESTS_FUZZ_ECHO_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/event_loop.h"
#include "devices/virtio/virtio_device.h"
#include "devices/virtio/virtio_ids.h"

namespace mayfly {

// Gives every chain back at once. Checks that it is used as VirtioDevice says.
class EchoDevice : public VirtioDevice {
 public:
  // `loop` outlives it.
  explicit EchoDevice(EventLoop* loop) : loop_(loop) {}

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
    for (int i = 0; queue != nullptr && !is_paused_ && i < kQueueMaxSize; ++i) {
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
    if (queue != nullptr && !is_paused_ && queue->Publish()) {
      transport()->RaiseQueueInterrupt();
    }
  }

  void Pause(absl::AnyInvocable<void()> done) override {
    is_paused_ = true;
    loop_->Post(std::move(done));
  }
  void Resume() override {
    is_paused_ = false;
    for (size_t i = 0; is_active_ && i < queue_count(); ++i) {
      OnNotification(i);
    }
  }
  const VirtQueue* queue(size_t queue_index) const override {
    return queue_index < queues_.size() ? queues_[queue_index].get() : nullptr;
  }

  void Deactivate(absl::AnyInvocable<void()> done) override {
    MAYFLY_CHECK(is_active_);
    is_active_ = false;
    queues_.clear();
    loop_->Post(std::move(done));
  }
  void Quiesce(absl::AnyInvocable<void()> done) override { loop_->Post(std::move(done)); }

  void ChangeConfig(uint8_t value) { transport()->UpdateConfig(std::vector<uint8_t>(24, value)); }

 private:
  EventLoop* const loop_;
  bool is_active_ = false;
  bool is_paused_ = false;
  std::vector<std::unique_ptr<VirtQueue>> queues_;
  DescriptorChain chain_;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FUZZ_ECHO_DEVICE_H_
