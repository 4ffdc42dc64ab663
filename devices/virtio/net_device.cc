// The network card: two directions and one TAP.

#include "devices/virtio/net_device.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "devices/virtio/virtio_ids.h"

namespace mayfly {

NetDevice::NetDevice(EventLoop* loop, Tap tap, NetDeviceOptions options,
                     std::unique_ptr<FrameDetour> detour)
    : PollSource(loop),
      tap_(std::move(tap)),
      options_(std::move(options)),
      detour_(std::move(detour)),
      features_(NetFeatures(options_.mac.has_value(), options_.mtu.has_value(),
                            tap_.SupportsOffload(TunUsoOffloads()))),
      publish_(loop, [this] { Publish(); }),
      receiver_(
          loop, &io_,
          {.tap_fd = tap_.fd(), .rate_limiter = options_.rx_rate_limiter, .detour = detour_.get()},
          &metrics_, this),
      transmitter_(loop, &io_,
                   {.tap_fd = tap_.fd(),
                    .mac = options_.mac,
                    .rate_limiter = options_.tx_rate_limiter,
                    .detour = detour_.get()},
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
  if (detour_ != nullptr) {
    detour_->Reset();
  }
  publish_.Cancel();
  if (paused_) {
    publish_.Request();
  }
  io_.Cancel(std::move(done));
}

void NetDevice::Pause(absl::AnyInvocable<void()> done) {
  receiver_.Pause();
  transmitter_.Pause();
  paused_ = std::move(done);
  publish_.Request();
}

void NetDevice::Resume() {
  paused_ = nullptr;
  receiver_.Resume();
  transmitter_.Resume();
  receiver_.Process();
  transmitter_.Process();
}

const VirtQueue* NetDevice::queue(size_t queue_index) const {
  return queue_index == kReceiveQueue ? receiver_.queue() : transmitter_.queue();
}

NetDeviceState NetDevice::State() {
  return {.rx_rate_limiter = receiver_.rate_limiter().State(),
          .tx_rate_limiter = transmitter_.rate_limiter().State()};
}

absl::Status NetDevice::Restore(const NetDeviceState& state) {
  RETURN_IF_ERROR(CheckRateLimiterState(state.rx_rate_limiter));
  RETURN_IF_ERROR(CheckRateLimiterState(state.tx_rate_limiter));
  receiver_.rate_limiter().Restore(state.rx_rate_limiter);
  transmitter_.rate_limiter().Restore(state.tx_rate_limiter);
  return absl::OkStatus();
}

// Frames on their way out are not cancelled, as they would be lost; the read that waits for a frame
// has to be.
void NetDevice::Settle() {
  if (!paused_ || is_cancelling_reads_ || transmitter_.in_flight_count() > 0) {
    return;
  }
  if (receiver_.in_flight_count() > 0) {
    is_cancelling_reads_ = true;
    io_.Cancel([this] {
      is_cancelling_reads_ = false;
      publish_.Request();
    });
    return;
  }
  // May destroy this object.
  std::exchange(paused_, nullptr)();
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
  Settle();
}

void NetDevice::Warn(absl::string_view text) const {
  if (options_.on_warning) {
    options_.on_warning(text);
  }
}

}  // namespace mayfly
