// RateLimiter: holds a device's I/O to a number of operations and of bytes in a time.

#ifndef MAYFLY_DEVICES_VIRTIO_RATE_LIMITER_H_
#define MAYFLY_DEVICES_VIRTIO_RATE_LIMITER_H_

#include <cstdint>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "base/event_loop.h"
#include "base/timer.h"
#include "devices/virtio/token_bucket.h"

namespace mayfly {

// One that is not enabled is no limit.
struct RateLimiterConfig {
  TokenBucketConfig bandwidth;
  TokenBucketConfig ops;
};

// Absent: stays as it is. Not enabled: removed. Else replaced by a full bucket.
struct RateLimiterUpdate {
  std::optional<TokenBucketConfig> bandwidth;
  std::optional<TokenBucketConfig> ops;
};

// What is left in the buckets that there are.
struct RateLimiterState {
  std::optional<TokenBucketState> bandwidth;
  std::optional<TokenBucketState> ops;

  bool operator==(const RateLimiterState&) const = default;
};

// InvalidArgument when a bucket's is impossible.
absl::Status CheckRateLimiterState(const RateLimiterState& state);

// A member of its device; loop thread only. Once a request did not pass, none does until the
// limiter calls back:
//
//   RateLimiter limiter_{loop, config, [this] { TakeRequests(); }};
//   if (!limiter_.Consume(1, size_bytes)) { queue.UndoPop(chain.head); return; }
class RateLimiter {
 public:
  // `loop` outlives it. `on_unblocked` runs on the loop, in a callback of its own, and may call
  // every method but the destructor.
  RateLimiter(EventLoop* loop, const RateLimiterConfig& config,
              absl::AnyInvocable<void()> on_unblocked);
  RateLimiter(const RateLimiter&) = delete;
  RateLimiter& operator=(const RateLimiter&) = delete;

  // Takes both or nothing. False: blocked until `on_unblocked` ran, which is when there is enough
  // for this request, or after 100 ms if that is earlier. To let a stream of small requests pass in
  // batches, it is not before 1 ms unless a bucket would overflow. A request of more than a whole
  // bucket passes, and what was missing is waited for before the next one.
  bool Consume(uint64_t operations, uint64_t bytes) {
    return (!bandwidth_ && !ops_) || ConsumeLimited(operations, bytes);
  }
  // Gives back what a request took that was not carried out after all.
  void Refund(uint64_t operations, uint64_t bytes);
  bool is_blocked() const { return timer_.is_set(); }
  // Those who wait are called back at once.
  void Update(const RateLimiterUpdate& update);

  RateLimiterState State();
  // `state` passed CheckRateLimiterState. A bucket that it does not have stays as it is, one that
  // the limiter does not have any more is left out.
  void Restore(const RateLimiterState& state);

 private:
  bool ConsumeLimited(uint64_t operations, uint64_t bytes);
  // Until `timer_` has run.
  void BlockFor(int64_t wait_us, int64_t now_us);
  int64_t DebtUs(int64_t now_us);
  void OnTimer();

  std::optional<TokenBucket> bandwidth_;
  std::optional<TokenBucket> ops_;
  absl::AnyInvocable<void()> on_unblocked_;
  // Set while blocked.
  Timer timer_;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_RATE_LIMITER_H_
