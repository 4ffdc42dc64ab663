// Copies frames out of guest memory, once, and minds the time.

#include "devices/mmds/mmds_detour.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/clock.h"

namespace mayfly {
namespace {

// struct virtio_net_hdr_v1.
constexpr size_t kHeaderBytes = 12;
constexpr uint8_t kFlagNeedsChecksum = 1;
constexpr size_t kBufferCountOffset = 10;

constexpr size_t kMaxGuestFrameBytes = 65562;

static_assert(FrameDetour::kMaxFrameBytes >= kHeaderBytes + MmdsStack::kMaxFrameBytes);

}  // namespace

MmdsDetour::MmdsDetour(EventLoop* loop, MmdsStack::Options options, RequestServer* server,
                       MmdsMetrics* metrics)
    : stack_(std::move(options), server, metrics), timer_(loop, [this] {
        stack_.OnTime(MonotonicTimeUs());
        Update();
      }) {}

bool MmdsDetour::Offer(const SegmentList& guest_frame) {
  std::array<uint8_t, kHeaderBytes + MmdsStack::kStartBytes> start;
  const uint64_t start_bytes = guest_frame.CopyTo(start);
  if (start_bytes <= kHeaderBytes ||
      !stack_.IsForMmds({start.data() + kHeaderBytes, start_bytes - kHeaderBytes})) {
    return false;
  }
  if (copy_ == nullptr) {
    copy_ = std::make_unique_for_overwrite<uint8_t[]>(kMaxGuestFrameBytes);
  }
  const std::span<const uint8_t> frame(copy_.get(),
                                       guest_frame.CopyTo({copy_.get(), kMaxGuestFrameBytes}));
  stack_.Receive(frame.subspan(kHeaderBytes),
                 (frame[0] & kFlagNeedsChecksum) != 0 ? TcpSegment::Checksum::kLeftToCard
                                                      : TcpSegment::Checksum::kComplete,
                 MonotonicTimeUs());
  Update();
  return true;
}

size_t MmdsDetour::TakeFrame(std::span<uint8_t> out) {
  std::fill_n(out.begin(), kHeaderBytes, uint8_t{0});
  out[kBufferCountOffset] = 1;
  const size_t size_bytes = stack_.TakeFrame(out.subspan(kHeaderBytes), MonotonicTimeUs());
  Update();
  return kHeaderBytes + size_bytes;
}

void MmdsDetour::Reset() {
  stack_.Clear();
  Update();
}

void MmdsDetour::Update() {
  has_frame_ = stack_.HasFrame();
  const std::optional<int64_t> deadline_us = stack_.deadline_us();
  if (deadline_us.has_value()) {
    timer_.Set(*deadline_us);
  } else {
    timer_.Cancel();
  }
}

}  // namespace mayfly
