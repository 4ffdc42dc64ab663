// From the TAP to the receive queue.

#include "devices/virtio/net_receiver.h"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/clock.h"
#include "devices/virtio/net_config.h"
#include "devices/virtio/tap.h"
#include "devices/virtio/virtio_ids.h"

namespace mayfly {
namespace {

constexpr size_t kMaxReads = 32;
// Ethernet's largest with its header; larger ones are called large.
constexpr uint64_t kSmallFrameBytes = 1536;
// The kernel takes no more segments in one call (UIO_MAXIOV), and no frame needs more.
constexpr size_t kMaxSegments = 1024;
// Where the header has the number of buffers (virtio 1.2, 5.1.6).
constexpr uint64_t kBufferCountOffset = 10;
// After an error that says nothing of the next try.
constexpr int64_t kRetryUs = 100'000;
// Of a detour, before the loop looks at everything else again.
constexpr int kTurnDetourFrames = 64;

}  // namespace

NetReceiver::NetReceiver(EventLoop* loop, OperationGroup* io, const Options& options,
                         NetMetrics* metrics, NetEvents* events)
    : io_(io),
      options_(options),
      metrics_(metrics),
      events_(events),
      limiter_(loop, options.rate_limiter,
               [this] {
                 ++metrics_->rx_event_rate_limiter_count;
                 Process();
               }),
      retry_(loop, [this] { Process(); }) {}

void NetReceiver::Activate(std::unique_ptr<VirtQueue> queue, const Mode& mode) {
  queue_ = std::move(queue);
  mode_ = mode;
}

void NetReceiver::Process() {
  if (IsHeldUp() || !DeliverHeld() || (options_.detour != nullptr && !DeliverDetoured()) ||
      in_flight_count_ > 0) {
    return;
  }
  is_starved_ = false;
  batch_frame_count_ = 0;
  batch_large_count_ = 0;
  Read* previous = nullptr;
  for (size_t i = 0; i < batch_size_; ++i) {
    Read* read = PrepareRead(previous == nullptr);
    if (read == nullptr) {
      break;
    }
    if (previous != nullptr) {
      Start(previous, false);
    }
    previous = read;
  }
  if (previous != nullptr) {
    Start(previous, true);
  } else {
    ++metrics_->no_rx_avail_buffer;
  }
}

NetReceiver::Read* NetReceiver::PrepareRead(bool is_first) {
  const uint64_t wanted_bytes = !mode_.is_mergeable ? 1
                                : expects_large_    ? mode_.frame_max_bytes
                                                    : kSmallFrameBytes;
  while (ready_bytes_ < wanted_bytes && AddChain()) {
  }
  // With fewer buffers than wanted a large frame would wait for more of them.
  if (queue_ == nullptr || ready_.empty() ||
      (expects_large_ && !is_first && ready_bytes_ < wanted_bytes)) {
    return nullptr;
  }
  Read* read = TakeRead();
  while (!ready_.empty() && read->chain_bytes < wanted_bytes && MayTakeMore(*read) &&
         read->segments.segments().size() < kMaxSegments - kQueueMaxSize) {
    GiveChain(read);
    read->segments.AddFront(read->chains.back()->writable, mode_.frame_max_bytes);
  }
  read->guest_bytes = read->segments.size_bytes();
  if (mode_.is_mergeable && read->guest_bytes < mode_.frame_max_bytes) {
    if (read->spill == nullptr) {
      read->spill = std::make_unique_for_overwrite<uint8_t[]>(kNetMaxFrameBytes);
    }
    read->segments.AddHost({read->spill.get(), mode_.frame_max_bytes - read->guest_bytes});
  }
  return read;
}

// Half of the ring is for frames of the detour while the read waits; no frame gets more.
bool NetReceiver::MayTakeMore(const Read& read) const {
  return options_.detour == nullptr || read.chains.empty() ||
         read.chains.size() < queue_->size() / 2U;
}

void NetReceiver::GiveChain(Read* read) {
  DescriptorChain* chain = ready_.front();
  ready_.pop_front();
  ready_bytes_ -= chain->writable.size_bytes();
  read->chain_bytes += chain->writable.size_bytes();
  read->chains.push_back(chain);
}

bool NetReceiver::AddChain() {
  DescriptorChain* chain = TakeChain();
  const absl::StatusOr<bool> has_chain = queue_->Pop(*chain);
  if (!has_chain.ok()) {
    free_chains_.push_back(chain);
    Break(has_chain.status());
    return false;
  }
  if (!*has_chain) {
    free_chains_.push_back(chain);
    is_starved_ = true;
    return false;
  }
  if (chain->writable.size_bytes() < Tap::kHeaderBytes || !chain->readable.empty()) {
    free_chains_.push_back(chain);
    Break(
        absl::InvalidArgumentError("a receive buffer has no room for the header, or is readable"));
    return false;
  }
  ready_.push_back(chain);
  ready_bytes_ += chain->writable.size_bytes();
  return true;
}

void NetReceiver::Break(const absl::Status& status) {
  Deactivate();
  events_->OnBrokenQueue(status);
}

void NetReceiver::Start(Read* read, bool may_wait) {
  if (!may_wait && !has_nowait_) {
    Recycle(read, 0);
    return;
  }
  read->may_wait = may_wait;
  ++in_flight_count_;
  io_->ReadVector(options_.tap_fd, read->segments.segments(), OperationGroup::kCurrentPosition,
                  may_wait ? 0 : RWF_NOWAIT,
                  [this, read](int32_t result) { OnRead(read, result); });
}

void NetReceiver::OnRead(Read* read, int32_t result) {
  --in_flight_count_;
  if (result > 0) {
    read->frame_bytes = static_cast<uint64_t>(result);
    read->segments.MarkWritten(std::min(read->frame_bytes, read->guest_bytes));
  }
  if (result > 0 && queue_ != nullptr) {
    ++batch_frame_count_;
    ++metrics_->rx_count;
    batch_large_count_ += read->frame_bytes > kSmallFrameBytes ? 1 : 0;
    if (!held_.empty() || !Deliver(read)) {
      Hold(read, false);
    }
  } else {
    if (result < 0) {
      OnFailedRead(*read, -result);
    }
    Recycle(read, 0);
  }
  if (in_flight_count_ == 0) {
    EndBatch();
  }
}

void NetReceiver::OnFailedRead(const Read& read, int error) {
  switch (error) {
    case EAGAIN:
    case EINTR:
    case ECANCELED:
      return;
    case EOPNOTSUPP:
      // A kernel whose TAP cannot be asked without waiting: one read at a time then.
      has_nowait_ = !read.may_wait ? false : has_nowait_;
      return;
    case EFAULT:
      // The frame did not fit and is lost, but for what the kernel had copied.
      read.segments.MarkWritten(read.guest_bytes);
      ++metrics_->rx_fails;
      return;
    case EBADFD:
      ++metrics_->tap_read_fails;
      if (!is_tap_gone_) {
        is_tap_gone_ = true;
        events_->OnTapGone();
      }
      return;
    default:
      ++metrics_->tap_read_fails;
      retry_.Set(MonotonicTimeUs() + kRetryUs);
  }
}

void NetReceiver::EndBatch() {
  batch_size_ = has_nowait_ ? std::clamp<size_t>(batch_frame_count_ * 2, 1, kMaxReads) : 1;
  if (batch_frame_count_ > 0) {
    ++metrics_->rx_tap_event_count;
    expects_large_ = batch_large_count_ * 2 >= batch_frame_count_;
  }
  Process();
}

bool NetReceiver::Deliver(Read* read) {
  if (!MakeRoom(read)) {
    if (queue_ == nullptr || !NeverFits(*read)) {
      return false;
    }
    ++metrics_->rx_fails;
    Recycle(read, 0);
    return true;
  }
  if (!limiter_.Consume(1, read->frame_bytes)) {
    ++metrics_->rx_rate_limiter_throttled;
    return false;
  }
  uint64_t left_bytes = read->frame_bytes;
  size_t used_count = 0;
  for (; left_bytes > 0 && used_count < read->chains.size(); ++used_count) {
    const DescriptorChain& chain = *read->chains[used_count];
    const uint64_t part_bytes = std::min(left_bytes, chain.writable.size_bytes());
    left_bytes -= part_bytes;
    queue_->PushUsed(chain.head, static_cast<uint32_t>(part_bytes));
  }
  WriteBufferCount(*read, static_cast<uint16_t>(used_count));
  ++metrics_->rx_packets_count;
  metrics_->rx_bytes_count += read->frame_bytes;
  events_->OnUsed();
  Recycle(read, used_count);
  return true;
}

// Waiting would be for ever: where buffers are not merged, when the first was too small; else when
// the driver gave this frame half its ring.
bool NetReceiver::NeverFits(const Read& read) const {
  return mode_.is_mergeable ? read.chains.size() * 2 >= queue_->size() : !read.chains.empty();
}

// Copies what did not go to the guest right away.
bool NetReceiver::MakeRoom(Read* read) {
  while (read->chain_bytes < read->frame_bytes) {
    if ((!mode_.is_mergeable && !read->chains.empty()) || (ready_.empty() && !AddChain())) {
      return false;
    }
    GiveChain(read);
  }
  uint64_t offset_bytes = 0;
  uint64_t copied_bytes = 0;
  const uint64_t spilled_bytes = read->frame_bytes - std::min(read->frame_bytes, read->guest_bytes);
  for (const DescriptorChain* chain : read->chains) {
    if (copied_bytes == spilled_bytes) {
      break;
    }
    if (offset_bytes >= read->guest_bytes) {
      copied_bytes += chain->writable.CopyFrom(
          0, {read->spill.get() + copied_bytes, spilled_bytes - copied_bytes});
    }
    offset_bytes += chain->writable.size_bytes();
  }
  // Not again when the rate limiter holds it.
  read->guest_bytes += spilled_bytes;
  return true;
}

void NetReceiver::Hold(Read* read, bool is_oldest) {
  if (queue_ == nullptr) {
    Recycle(read, 0);
  } else if (is_oldest) {
    held_.push_front(read);
  } else {
    held_.push_back(read);
  }
}

// The kernel leaves the field as it was. 5.1.6.4.1: 1 when buffers are not merged.
void NetReceiver::WriteBufferCount(const Read& read, uint16_t buffer_count) const {
  const uint8_t bytes[] = {static_cast<uint8_t>(buffer_count & 0xff),
                           static_cast<uint8_t>(buffer_count >> 8)};
  read.chains.front()->writable.CopyFrom(kBufferCountOffset, bytes);
}

bool NetReceiver::DeliverHeld() {
  while (!held_.empty()) {
    Read* read = held_.front();
    held_.pop_front();
    if (!Deliver(read)) {
      Hold(read, true);
      return false;
    }
  }
  return true;
}

bool NetReceiver::DeliverDetoured() {
  for (int i = 0; i < kTurnDetourFrames && options_.detour->HasFrame(); ++i) {
    Read* read = TakeRead();
    if (read->spill == nullptr) {
      read->spill = std::make_unique_for_overwrite<uint8_t[]>(kNetMaxFrameBytes);
    }
    read->guest_bytes = 0;
    read->frame_bytes = options_.detour->TakeFrame({read->spill.get(), kNetMaxFrameBytes});
    if (!Deliver(read)) {
      Hold(read, false);
      return false;
    }
  }
  return true;
}

void NetReceiver::Recycle(Read* read, size_t first_unused) {
  for (size_t i = read->chains.size(); i-- > 0;) {
    DescriptorChain* chain = read->chains[i];
    if (i < first_unused || queue_ == nullptr) {
      free_chains_.push_back(chain);
    } else {
      ready_.push_front(chain);
      ready_bytes_ += chain->writable.size_bytes();
    }
  }
  read->chains.clear();
  read->segments.Clear();
  read->chain_bytes = 0;
  free_reads_.push_back(read);
}

void NetReceiver::Deactivate() {
  queue_ = nullptr;
  for (Read* read : held_) {
    Recycle(read, 0);
  }
  held_.clear();
  free_chains_.insert(free_chains_.end(), ready_.begin(), ready_.end());
  ready_.clear();
  ready_bytes_ = 0;
  batch_size_ = 1;
  is_starved_ = false;
  expects_large_ = false;
  retry_.Cancel();
}

NetReceiver::Read* NetReceiver::TakeRead() {
  if (free_reads_.empty()) {
    reads_.push_back(std::make_unique<Read>());
    free_reads_.push_back(reads_.back().get());
  }
  Read* read = free_reads_.back();
  free_reads_.pop_back();
  return read;
}

DescriptorChain* NetReceiver::TakeChain() {
  if (free_chains_.empty()) {
    chains_.push_back(std::make_unique<DescriptorChain>());
    free_chains_.push_back(chains_.back().get());
  }
  DescriptorChain* chain = free_chains_.back();
  free_chains_.pop_back();
  return chain;
}

}  // namespace mayfly
