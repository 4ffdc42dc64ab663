// From the transmit queue to the TAP.

#include "devices/virtio/net_transmitter.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/clock.h"
#include "devices/virtio/tap.h"

namespace mayfly {
namespace {

// What is taken before the loop looks at everything else again, and the driver gets answers.
constexpr int kTurnFrames = 64;

constexpr uint64_t kEthernetHeaderBytes = 14;
// The header, the destination, then the source.
constexpr size_t kSourceOffset = Tap::kHeaderBytes + 6;

}  // namespace

NetTransmitter::NetTransmitter(EventLoop* loop, OperationGroup* io, const Options& options,
                               NetMetrics* metrics, NetEvents* events)
    : io_(io),
      options_(options),
      metrics_(metrics),
      events_(events),
      limiter_(loop, options.rate_limiter, [this] {
        ++metrics_->tx_rate_limiter_event_count;
        Process();
      }) {}

void NetTransmitter::Process() {
  for (int i = 0; i < kTurnFrames && ProcessNext(); ++i) {
  }
}

bool NetTransmitter::ProcessNext() {
  if (IsHeldUp()) {
    return false;
  }
  Frame* frame = TakeFrame();
  const absl::StatusOr<bool> has_frame = queue_->Pop(frame->chain);
  if (!has_frame.ok()) {
    free_frames_.push_back(frame);
    queue_ = nullptr;
    events_->OnBrokenQueue(has_frame.status());
    return false;
  }
  if (!*has_frame) {
    free_frames_.push_back(frame);
    return false;
  }
  frame->size_bytes = frame->chain.readable.size_bytes();
  if (frame->size_bytes < Tap::kHeaderBytes + kEthernetHeaderBytes ||
      frame->size_bytes > kNetMaxFrameBytes || !frame->chain.writable.empty()) {
    ++metrics_->tx_malformed_frames;
    Complete(frame);
    return true;
  }
  if (options_.detour != nullptr && options_.detour->Offer(frame->chain.readable)) {
    Complete(frame);
    return true;
  }
  if (!limiter_.Consume(1, frame->size_bytes)) {
    ++metrics_->tx_rate_limiter_throttled;
    queue_->UndoPop(frame->chain.head);
    free_frames_.push_back(frame);
    return false;
  }
  Send(frame);
  return true;
}

void NetTransmitter::Send(Frame* frame) {
  if (HasForeignSource(*frame)) {
    ++metrics_->tx_spoofed_mac_count;
  }
  frame->start_us = MonotonicTimeUs();
  io_->WriteVector(options_.tap_fd, frame->chain.readable.segments(),
                   OperationGroup::kCurrentPosition, 0,
                   [this, frame](int32_t result) { OnSent(frame, result); });
}

bool NetTransmitter::HasForeignSource(const Frame& frame) const {
  if (!options_.mac.has_value()) {
    return false;
  }
  std::array<uint8_t, kSourceOffset + std::tuple_size_v<MacAddress>> start;
  frame.chain.readable.CopyTo(start);
  return !std::equal(options_.mac->begin(), options_.mac->end(), start.begin() + kSourceOffset);
}

void NetTransmitter::OnSent(Frame* frame, int32_t result) {
  if (result >= 0) {
    ++metrics_->tx_packets_count;
    ++metrics_->tx_count;
    metrics_->tap_write_agg.Record(MonotonicTimeUs() - frame->start_us);
    metrics_->tx_bytes_count += frame->size_bytes;
  } else if (result != -ECANCELED) {
    // A network may drop frames: what a TAP that is down or a header that is wrong costs is a
    // frame.
    ++metrics_->tx_fails;
    ++metrics_->tap_write_fails;
    if (result == -EBADFD) {
      events_->OnTapGone();
    }
  }
  Complete(frame);
}

void NetTransmitter::Complete(Frame* frame) {
  if (queue_ != nullptr) {
    queue_->PushUsed(frame->chain.head, 0);
  }
  events_->OnUsed();
  free_frames_.push_back(frame);
}

NetTransmitter::Frame* NetTransmitter::TakeFrame() {
  if (free_frames_.empty()) {
    frames_.push_back(std::make_unique<Frame>());
    free_frames_.push_back(frames_.back().get());
  }
  Frame* frame = free_frames_.back();
  free_frames_.pop_back();
  return frame;
}

}  // namespace mayfly
