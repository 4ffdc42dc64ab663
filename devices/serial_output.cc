// The output buffer and its writes.

#include "devices/serial_output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/status.h"

namespace mayfly {
namespace {

// How long bytes gather after a write: short for a person, long enough to make one wake-up of many
// bytes.
constexpr int64_t kRestUs = 1'000;

// A buffer this full cuts the rest short.
constexpr uint64_t kUrgentBytes = SerialOutput::kCapacityBytes / 2;

// Whether a write may sleep inside the ring's submission although the descriptor polled as
// writable: terminals take part of a large write and sleep for the rest, and so do named pipes.
bool MayBlockTheLoop(int fd) {
  struct stat status = {};
  return fstat(fd, &status) != 0 || S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode);
}

}  // namespace

SerialOutput::SerialOutput(EventLoop* loop, Options options)
    : fd_(options.fd),
      writes_on_worker_(MayBlockTheLoop(options.fd)),
      on_broken_(std::move(options.on_broken)),
      buffer_(std::make_unique_for_overwrite<uint8_t[]>(kCapacityBytes)),
      signal_(loop, [this] { OnSignal(); }),
      rest_timer_(loop, [this] { OnRested(); }),
      flush_timer_(loop, [this] { FinishFlush(); }),
      io_(loop) {
  if (options.rate_limit.is_enabled()) {
    bucket_.emplace(options.rate_limit, MonotonicTimeUs());
  }
}

SerialOutput::~SerialOutput() = default;

absl::StatusOr<OwnedFd> SerialOutput::OpenFile(const std::string& path) {
  constexpr mode_t kMode = 0644;
  OwnedFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_NONBLOCK | O_CLOEXEC, kMode));
  if (!fd.is_open()) {
    return ErrnoError(absl::StrCat("open ", path));
  }
  return fd;
}

bool SerialOutput::IsWithinRate() {
  const int64_t now_us = MonotonicTimeUs();
  if (bucket_->WaitUs(1, now_us) > 0) {
    rate_limited_bytes_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  bucket_->Take(1, now_us);
  return true;
}

// The loop stores wants_signal_ and then looks for bytes; this thread stores a byte and then looks
// at wants_signal_. In the one order of sequentially consistent operations at least one of them
// sees the other's store.
bool SerialOutput::Put(uint8_t byte) {
  if (is_broken_.load(std::memory_order_relaxed)) {
    return false;
  }
  if (bucket_ && !IsWithinRate()) {
    return true;
  }
  // Only this thread writes write_position_.
  const uint64_t position = write_position_.load(std::memory_order_relaxed);
  const uint64_t buffered = position - read_position_.load(std::memory_order_acquire);
  if (buffered >= kCapacityBytes) {
    return false;
  }
  buffer_[position % kCapacityBytes] = byte;
  write_position_.store(position + 1);
  if (wants_signal_.load() || buffered + 1 == kUrgentBytes) {
    signal_.Raise();
  }
  return true;
}

size_t SerialOutput::buffered_bytes() const {
  const uint64_t read_position = read_position_.load(std::memory_order_acquire);
  return write_position_.load(std::memory_order_acquire) - read_position;
}

void SerialOutput::Flush(int64_t deadline_us, absl::AnyInvocable<void()> done) {
  MAYFLY_CHECK(!flush_position_.has_value());
  flush_position_ = write_position_.load();
  flush_done_ = std::move(done);
  // The timer ends the flush in every case, so that `done` never runs inside this call.
  flush_timer_.Set(IsFlushed() ? 0 : deadline_us);
  OnSignal();
}

bool SerialOutput::IsFlushed() const {
  return is_broken() || read_position_.load(std::memory_order_relaxed) >= *flush_position_;
}

void SerialOutput::FinishFlush() {
  flush_timer_.Cancel();
  flush_position_.reset();
  // May destroy this object.
  absl::AnyInvocable<void()> done = std::move(flush_done_);
  done();
}

// Bytes were put while the loop had nothing to write, or so many that they should not wait for the
// rest's end.
void SerialOutput::OnSignal() {
  if (phase_ != Phase::kWriting) {
    OnRested();
  }
}

void SerialOutput::OnRested() {
  rest_timer_.Cancel();
  wants_signal_.store(false);
  StartWrite();
  if (phase_ == Phase::kWriting) {
    return;
  }
  phase_ = Phase::kIdle;
  wants_signal_.store(true);
  // A byte may have come between the look for bytes and the store.
  StartWrite();
}

// Writes the bytes up to the end of the buffer's memory, when there are any.
void SerialOutput::StartWrite() {
  const uint64_t start = read_position_.load(std::memory_order_relaxed);
  const uint64_t end = write_position_.load();
  if (start == end || is_broken()) {
    return;
  }
  phase_ = Phase::kWriting;
  wants_signal_.store(false);
  const size_t offset = start % kCapacityBytes;
  const std::span<const uint8_t> bytes(&buffer_[offset],
                                       std::min<size_t>(end - start, kCapacityBytes - offset));
  auto on_written = [this](int32_t result) { OnWritten(result); };
  if (writes_on_worker_) {
    io_.WriteOnWorker(fd_, bytes, OperationGroup::kCurrentPosition, on_written);
  } else {
    io_.Write(fd_, bytes, OperationGroup::kCurrentPosition, on_written);
  }
}

void SerialOutput::OnWritten(int32_t result) {
  if (result == -EAGAIN) {
    io_.Poll(fd_, POLLOUT, [this](int32_t) { StartWrite(); });
    return;
  }
  if (result < 0 && result != -EINTR) {
    Break(ErrnoError("write", -result));
    return;
  }
  if (result > 0) {
    ++flush_count_;
    read_position_.store(
        read_position_.load(std::memory_order_relaxed) + static_cast<uint64_t>(result),
        std::memory_order_release);
  }
  if (flush_position_.has_value()) {
    if (IsFlushed()) {
      flush_timer_.Set(0);
    }
    phase_ = Phase::kResting;
    OnRested();
    return;
  }
  if (buffered_bytes() >= kUrgentBytes) {
    StartWrite();
    return;
  }
  phase_ = Phase::kResting;
  rest_timer_.Set(MonotonicTimeUs() + kRestUs);
}

void SerialOutput::Break(absl::Status status) {
  is_broken_.store(true, std::memory_order_relaxed);
  phase_ = Phase::kIdle;
  if (flush_position_.has_value()) {
    flush_timer_.Set(0);
  }
  if (on_broken_ != nullptr) {
    // May destroy this object.
    absl::AnyInvocable<void(absl::Status)> on_broken = std::move(on_broken_);
    on_broken(std::move(status));
  }
}

}  // namespace mayfly
