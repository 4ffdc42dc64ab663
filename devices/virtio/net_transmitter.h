// NetTransmitter: a guest's frames on their way to the TAP.

#ifndef MAYFLY_DEVICES_VIRTIO_NET_TRANSMITTER_H_
#define MAYFLY_DEVICES_VIRTIO_NET_TRANSMITTER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/event_loop.h"
#include "base/operation_group.h"
#include "devices/virtio/descriptor_chain.h"
#include "devices/virtio/frame_detour.h"
#include "devices/virtio/net_config.h"
#include "devices/virtio/net_events.h"
#include "devices/virtio/net_metrics.h"
#include "devices/virtio/rate_limiter.h"
#include "devices/virtio/virt_queue.h"

namespace mayfly {

// Owned by NetDevice; loop thread only. Frames go from guest memory to the TAP without a copy, as
// many at a time as the driver made available: one system call for all of them. At most
// kQueueMaxSize are in flight.
class NetTransmitter {
 public:
  struct Options {
    int tap_fd = -1;
    // Frames with another source are counted.
    std::optional<MacAddress> mac;
    RateLimiterConfig rate_limiter;
    // Is offered every frame before the TAP and the rate limiter. May be null; outlives the
    // transmitter's use.
    FrameDetour* detour = nullptr;
  };

  // `loop`, `io`, `metrics` and `events` outlive it. `io` is what the card cancels on a reset.
  NetTransmitter(EventLoop* loop, OperationGroup* io, const Options& options, NetMetrics* metrics,
                 NetEvents* events);

  void Activate(std::unique_ptr<VirtQueue> queue) { queue_ = std::move(queue); }
  // Takes nothing more; what is in flight goes on.
  void Pause() { is_paused_ = true; }
  void Resume() { is_paused_ = false; }
  // Frames that the kernel has.
  size_t in_flight_count() const { return frames_.size() - free_frames_.size(); }
  // Takes what the driver made available, up to a turn's share.
  void Process();
  // Whether Process would do something.
  bool HasWork() const { return !IsHeldUp() && queue_->HasAvailable(); }
  // Asks the driver for a notification; false when there is work already.
  bool RequestWakeup() { return IsHeldUp() || queue_->EnableNotification(); }
  // Makes used frames visible; true when the driver wants an interrupt.
  bool Publish() { return queue_ != nullptr && queue_->Publish(); }
  // Gives the queue up: what is in flight is not answered any more.
  void Deactivate() { queue_ = nullptr; }
  RateLimiter& rate_limiter() { return limiter_; }
  // Null while inactive or broken.
  const VirtQueue* queue() const { return queue_.get(); }

 private:
  struct Frame {
    DescriptorChain chain;
    uint64_t size_bytes = 0;
    int64_t start_us = 0;
  };

  bool IsHeldUp() const { return queue_ == nullptr || is_paused_ || limiter_.is_blocked(); }
  // False when nothing more is to be taken now.
  bool ProcessNext();
  void Send(Frame* frame);
  void OnSent(Frame* frame, int32_t result);
  void Complete(Frame* frame);
  bool HasForeignSource(const Frame& frame) const;
  Frame* TakeFrame();

  OperationGroup* const io_;
  const Options options_;
  NetMetrics* const metrics_;
  NetEvents* const events_;
  // Null while inactive or broken.
  std::unique_ptr<VirtQueue> queue_;
  bool is_paused_ = false;
  std::vector<std::unique_ptr<Frame>> frames_;
  std::vector<Frame*> free_frames_;
  RateLimiter limiter_;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_NET_TRANSMITTER_H_
