// RecordingVirtioDevice: a virtio device that does nothing and keeps what its transport told it.

#ifndef MAYFLY_TESTS_FAKES_RECORDING_VIRTIO_DEVICE_H_
#define MAYFLY_TESTS_FAKES_RECORDING_VIRTIO_DEVICE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/event_loop.h"
#include "devices/virtio/virtio_device.h"

namespace mayfly {

// Loop thread only.
class RecordingVirtioDevice : public VirtioDevice {
 public:
  static constexpr uint32_t kDeviceId = 42;
  // One bit of each page of features.
  static constexpr uint64_t kFeatures = uint64_t{1} << 33 | 1u << 3;

  explicit RecordingVirtioDevice(EventLoop* loop) : loop_(loop) {}

  uint32_t device_id() const override { return kDeviceId; }
  uint64_t offered_features() const override { return kFeatures; }
  size_t queue_count() const override { return 3; }
  std::vector<uint8_t> config() const override { return {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}; }

  void Activate(uint64_t features, std::vector<std::unique_ptr<VirtQueue>> queues) override {
    events.emplace_back("activate");
    active_features = features;
    active_queues = std::move(queues);
  }
  void OnNotification(size_t queue_index) override {
    events.push_back(absl::StrCat("notify ", queue_index));
  }
  void Deactivate(absl::AnyInvocable<void()> done) override {
    events.emplace_back("deactivate");
    active_queues.clear();
    deactivated_ = std::move(done);
    if (!holds_io) {
      FinishIo();
    }
  }
  void Quiesce(absl::AnyInvocable<void()> done) override { loop_->Post(std::move(done)); }
  void Pause(absl::AnyInvocable<void()> done) override {
    events.emplace_back("pause");
    loop_->Post(std::move(done));
  }
  void Resume() override { events.emplace_back("resume"); }
  const VirtQueue* queue(size_t queue_index) const override {
    return queue_index < active_queues.size() ? active_queues[queue_index].get() : nullptr;
  }

  // Ends the Deactivate that `holds_io` left unfinished.
  void FinishIo() { loop_->Post(std::move(deactivated_)); }
  bool is_deactivating() const { return static_cast<bool>(deactivated_); }

  using VirtioDevice::transport;

  std::vector<std::string> events;
  uint64_t active_features = 0;
  std::vector<std::unique_ptr<VirtQueue>> active_queues;
  // As if a request took its time: Deactivate is done only with FinishIo.
  bool holds_io = false;

 private:
  EventLoop* const loop_;
  absl::AnyInvocable<void()> deactivated_;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_RECORDING_VIRTIO_DEVICE_H_
