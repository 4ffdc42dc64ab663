// NetDevice: a virtio network card on a TAP interface.

#ifndef MAYFLY_DEVICES_VIRTIO_NET_DEVICE_H_
#define MAYFLY_DEVICES_VIRTIO_NET_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/event_loop.h"
#include "base/operation_group.h"
#include "base/poll_source.h"
#include "base/turn_end.h"
#include "devices/virtio/frame_detour.h"
#include "devices/virtio/net_config.h"
#include "devices/virtio/net_events.h"
#include "devices/virtio/net_metrics.h"
#include "devices/virtio/net_receiver.h"
#include "devices/virtio/net_transmitter.h"
#include "devices/virtio/rate_limiter.h"
#include "devices/virtio/tap.h"
#include "devices/virtio/virtio_device.h"

namespace mayfly {

struct NetDeviceOptions {
  // Without one the guest makes up its own.
  std::optional<MacAddress> mac;
  // What the guest is told; kNetMinMtu or more.
  std::optional<uint16_t> mtu;
  RateLimiterConfig rx_rate_limiter;
  RateLimiterConfig tx_rate_limiter;
  // Hears of what became of the TAP.
  std::function<void(absl::string_view)> on_warning;
};

// What a snapshot keeps of a card beside its transport's state.
struct NetDeviceState {
  RateLimiterState rx_rate_limiter;
  RateLimiterState tx_rate_limiter;

  bool operator==(const NetDeviceState&) const = default;
};

// Virtio 1.2, section 5.1; docs/virtio.md has what is offered and what not. One pair of queues:
// receive is 0, transmit is 1. Owned by its transport; loop thread only. One interrupt tells of all
// frames of a turn of the loop.
class NetDevice : public VirtioDevice, private NetEvents, private PollSource {
 public:
  static constexpr size_t kReceiveQueue = 0;
  static constexpr size_t kTransmitQueue = 1;

  // `detour` may be null.
  NetDevice(EventLoop* loop, Tap tap, NetDeviceOptions options,
            std::unique_ptr<FrameDetour> detour = nullptr);

  uint32_t device_id() const override;
  uint64_t offered_features() const override { return features_; }
  size_t queue_count() const override { return 2; }
  std::vector<uint8_t> config() const override;
  void Activate(uint64_t features, std::vector<std::unique_ptr<VirtQueue>> queues) override;
  void OnNotification(size_t queue_index) override;
  void Deactivate(absl::AnyInvocable<void()> done) override;
  void Quiesce(absl::AnyInvocable<void()> done) override { Deactivate(std::move(done)); }
  void Pause(absl::AnyInvocable<void()> done) override;
  void Resume() override;
  const VirtQueue* queue(size_t queue_index) const override;

  // For a card that is paused. Frames that it holds are not part of it: the card that goes on
  // delivers them, a restored one finds their buffers free, as if the network had dropped them.
  // Restore: InvalidArgument when a field holds what the card cannot; then it is unchanged.
  NetDeviceState State();
  absl::Status Restore(const NetDeviceState& state);

  void UpdateReceiveLimiter(const RateLimiterUpdate& update) {
    receiver_.rate_limiter().Update(update);
  }
  void UpdateTransmitLimiter(const RateLimiterUpdate& update) {
    transmitter_.rate_limiter().Update(update);
  }

  const NetMetrics& metrics() const { return metrics_; }
  const Tap& tap() const { return tap_; }

 private:
  // NetEvents.
  void OnUsed() override { publish_.Request(); }
  void OnBrokenQueue(const absl::Status& status) override;
  void OnTapGone() override;

  // PollSource.
  bool HasWork() override { return transmitter_.HasWork() || receiver_.HasWork(); }
  void DoWork() override;
  bool RequestWakeup() override;
  // Frames come from outside; the TAP itself never lets anyone wait.
  Waiting waiting() const override { return Waiting::kForWork; }

  void Publish();
  // Brings a Pause on its way forward.
  void Settle();
  void Warn(absl::string_view text) const;

  const Tap tap_;
  const NetDeviceOptions options_;
  const std::unique_ptr<FrameDetour> detour_;
  const uint64_t features_;
  NetMetrics metrics_;
  bool is_link_up_ = true;
  // Of a Pause that is not done yet.
  absl::AnyInvocable<void()> paused_;
  bool is_cancelling_reads_ = false;
  TurnEnd publish_;
  NetReceiver receiver_;
  NetTransmitter transmitter_;
  // After what its operations use; ends them first.
  OperationGroup io_;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_NET_DEVICE_H_
