// The network card: two directions and one TAP.

#include "devices/virtio/net_device.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "devices/virtio/virtio_ids.h"

namespace mayfly {

NetDevice::NetDevice(EventLoop* loop, Tap tap, NetDeviceOptions options)
    : PollSource(loop),
      tap_(std::move(tap)),
      options_(std::move(options)),
      features_(NetFeatures(options_.mac.has_value(), options_.mtu.has_value(),
                            tap_.SupportsOffload(TunUsoOffloads()))),
      publish_(loop, [this] { Publish(); }),
      receiver_(loop, &io_, {.tap_fd = tap_.fd(), .rate_limiter = options_.rx_rate_limiter},
                &metrics_, this),
      transmitter_(
          loop, &io_,
          {.tap_fd = tap_.fd(), .mac = options_.mac, .rate_limiter = options_.tx_rate_limiter},
          &metrics_, this),
      io_(loop) {}

uint32_t NetDevice::device_id() const { return kVirtioIdNet; }

std::vector<uint8_t> NetDevice::config() const {
  return NetConfigBytes(options_.mac, options_.mtu, is_link_up_);
}

void NetDevice::Activate(uint64_t features, std::vector<std::unique_ptr<VirtQueue>> queues) {
  const absl::Status status = tap_.SetOffload(TunOffloads(features));
  if (!status.ok()) {
    // Frames then come as a driver without offloads gets them, which every driver takes.
    Warn(status.message());
  }
  receiver_.Activate(std::move(queues[kReceiveQueue]),
                     {.is_mergeable = (features & kNetFeatureMergeableBuffers) != 0,
                      .frame_max_bytes = kNetMaxFrameBytes});
  transmitter_.Activate(std::move(queues[kTransmitQueue]));
  StartPolling();
}

void NetDevice::OnNotification(size_t queue_index) {
  if (queue_index == kReceiveQueue) {
    ++metrics_.rx_queue_event_count;
    receiver_.Process();
  } else {
    ++metrics_.tx_queue_event_count;
    transmitter_.Process();
  }
}

void NetDevice::DoWork() {
  receiver_.Process();
  transmitter_.Process();
}

bool NetDevice::RequestWakeup() {
  const bool has_no_frames = transmitter_.RequestWakeup();
  return receiver_.RequestWakeup() && has_no_frames;
}

void NetDevice::Deactivate(absl::AnyInvocable<void()> done) {
  StopPolling();
  receiver_.Deactivate();
  transmitter_.Deactivate();
  publish_.Cancel();
  io_.Cancel(std::move(done));
}

void NetDevice::OnBrokenQueue(const absl::Status& status) {
  ++metrics_.event_fails;
  transport()->SetNeedsReset(status.message());
}

void NetDevice::OnTapGone() {
  if (!is_link_up_) {
    return;
  }
  is_link_up_ = false;
  Warn(absl::StrCat("the TAP ", tap_.name(), " is gone"));
  transport()->UpdateConfig(config());
}

void NetDevice::Publish() {
  const bool has_received = receiver_.Publish();
  const bool has_sent = transmitter_.Publish();
  if (has_received || has_sent) {
    transport()->RaiseQueueInterrupt();
  }
}

void NetDevice::Warn(absl::string_view text) const {
  if (options_.on_warning) {
    options_.on_warning(text);
  }
}

}  // namespace mayfly
