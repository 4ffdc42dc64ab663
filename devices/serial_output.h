// SerialOutput: carries a guest's serial output from the vCPU threads to a descriptor.

#ifndef MAYFLY_DEVICES_SERIAL_OUTPUT_H_
#define MAYFLY_DEVICES_SERIAL_OUTPUT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/loop_signal.h"
#include "base/operation_group.h"
#include "base/owned_fd.h"
#include "base/timer.h"
#include "devices/serial.h"
#include "devices/virtio/token_bucket.h"

namespace mayfly {

// A bounded buffer that vCPU threads fill and the loop writes out through the ring, one write at a
// time. Owned by MicroVm, outlives the Serial that fills it; made and destroyed on the loop.
//
// The descriptor may be a terminal, a pipe, a FIFO, a socket, a file or /dev/null, blocking or not;
// its flags are left alone, for its open file is often shared with the parent shell. Nobody waits
// for it: bytes that find the buffer full are dropped. The program ignores SIGPIPE.
class SerialOutput : public SerialSink {
 public:
  static constexpr size_t kCapacityBytes = size_t{64} * 1024;

  struct Options {
    int fd = -1;  // not owned
    // Of bytes; those beyond it are dropped.
    TokenBucketConfig rate_limit;
    // Called once, on the loop, when the descriptor takes no more bytes for good ("write: Broken
    // pipe"). All later bytes are dropped. May destroy the SerialOutput. May be empty.
    absl::AnyInvocable<void(absl::Status)> on_broken;
  };

  // A file or FIFO for Options::fd, which never makes its writer wait; a file that is not there is
  // made. "open PATH: reason".
  static absl::StatusOr<OwnedFd> OpenFile(const std::string& path);

  // `loop` outlives it.
  SerialOutput(EventLoop* loop, Options options);
  // What is still buffered is lost; Flush first. Waits for a write in flight to be cancelled.
  ~SerialOutput() override;

  // SerialSink: any vCPU thread, one at a time. No system call but for the first byte after a pause
  // of a millisecond.
  bool Put(uint8_t byte) override;

  // Calls `done` on the loop, not inside this call, once all bytes put before are written, at
  // `deadline_us` of MonotonicTimeUs() at the latest (a reader that does not read), or at once when
  // the descriptor is broken. One at a time. Loop thread.
  void Flush(int64_t deadline_us, absl::AnyInvocable<void()> done);

  // Writes that succeeded. Loop thread.
  uint64_t flush_count() const { return flush_count_; }
  // Bytes that the rate limit dropped. Any thread.
  uint64_t rate_limited_bytes() const {
    return rate_limited_bytes_.load(std::memory_order_relaxed);
  }
  // Bytes not yet written. Any thread.
  size_t buffered_bytes() const;
  bool is_broken() const { return is_broken_.load(std::memory_order_relaxed); }

 private:
  // kIdle: the next Put wakes the loop. kWriting: a write, or a wait for room, is in flight.
  // kResting: a short while after a write, in which bytes gather instead of waking the loop one by
  // one.
  enum class Phase { kIdle, kWriting, kResting };

  // The putting thread.
  bool IsWithinRate();

  void OnSignal();
  void OnRested();
  void StartWrite();
  void OnWritten(int32_t result);
  void Break(absl::Status status);
  // A flush is asked for.
  bool IsFlushed() const;
  void FinishFlush();

  const int fd_;
  const bool writes_on_worker_;
  absl::AnyInvocable<void(absl::Status)> on_broken_;

  // Of the putting thread, as the counter is to write.
  std::optional<TokenBucket> bucket_;
  std::atomic<uint64_t> rate_limited_bytes_{0};

  // A ring: [read_position_, write_position_) are unread bytes, positions count up for ever.
  const std::unique_ptr<uint8_t[]> buffer_;
  std::atomic<uint64_t> write_position_{0};  // written by the putting thread
  std::atomic<uint64_t> read_position_{0};   // written by the loop
  // Written by the loop: Put has to wake it.
  std::atomic<bool> wants_signal_{true};
  std::atomic<bool> is_broken_{false};

  // Loop thread only.
  Phase phase_ = Phase::kIdle;
  uint64_t flush_count_ = 0;
  std::optional<uint64_t> flush_position_;
  absl::AnyInvocable<void()> flush_done_;
  LoopSignal signal_;
  Timer rest_timer_;
  Timer flush_timer_;
  // Last: its destructor takes the buffer back from the kernel before anything else dies.
  OperationGroup io_;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_SERIAL_OUTPUT_H_
