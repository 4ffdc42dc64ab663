// TokenBucket: tokens that flow in at a constant rate, as far as there is room for them.

#ifndef MAYFLY_DEVICES_VIRTIO_TOKEN_BUCKET_H_
#define MAYFLY_DEVICES_VIRTIO_TOKEN_BUCKET_H_

#include <cstdint>

#include "absl/status/status.h"

namespace mayfly {

// A limit as users state it: `size` tokens (bytes or operations) every `refill_time_ms`, saved up
// to at most `size`, and `one_time_burst` tokens on top that do not come back. Any values.
struct TokenBucketConfig {
  uint64_t size = 0;
  uint64_t refill_time_ms = 0;
  uint64_t one_time_burst = 0;

  // Without a size or a time there is no limit.
  bool is_enabled() const { return size != 0 && refill_time_ms != 0; }
};

// What is left in a bucket, as a snapshot keeps it; parts of a token are not.
struct TokenBucketState {
  uint64_t level = 0;
  uint64_t burst = 0;
  uint64_t debt = 0;

  bool operator==(const TokenBucketState&) const = default;
};

// InvalidArgument for a debt of a bucket that is not empty, or one that no request leaves: more
// than 2^32 - 1.
absl::Status CheckTokenBucketState(const TokenBucketState& state);

// Owned by a RateLimiter; loop thread only. Starts full. Times are those of one monotonic clock, in
// microseconds; a time that lies before an earlier one counts as that one. The arithmetic is exact:
// parts of tokens are kept, so that the rate does not depend on how often the bucket is asked.
class TokenBucket {
 public:
  // `config` is enabled.
  TokenBucket(const TokenBucketConfig& config, int64_t now_us);

  // How long until Take(tokens) is allowed, in microseconds, rounded up; 0: now. Never when the
  // bucket is in debt; otherwise when it holds the tokens, or when they are more than it could ever
  // hold.
  int64_t WaitUs(uint64_t tokens, int64_t now_us);
  // Takes them, from the burst first; call it when WaitUs is 0. Tokens that the bucket does not
  // hold become a debt, paid by what flows in.
  void Take(uint64_t tokens, int64_t now_us);
  // Gives back what an earlier Take took: pays a debt, then fills the bucket, then the burst up to
  // where it began.
  void Return(uint64_t tokens, int64_t now_us);

  // How long until the debt is paid, 0 when there is none; how long until the bucket is full.
  int64_t DebtUs(int64_t now_us);
  int64_t FullUs(int64_t now_us);

  TokenBucketState State(int64_t now_us);
  // `state` passed CheckTokenBucketState. More than there is room for is lost.
  void Restore(const TokenBucketState& state, int64_t now_us);

 private:
  // Adds what flowed in since the last call.
  void Refill(int64_t now_us);
  // How long `tokens` more take to flow in.
  int64_t InflowUs(uint64_t tokens) const;

  const uint64_t size_;
  const uint64_t refill_time_us_;
  const uint64_t initial_burst_;
  uint64_t burst_;
  uint64_t level_;
  uint64_t debt_ = 0;
  // Of the next token, in parts of 1 / refill_time_us_; 0 while the bucket is full.
  uint64_t part_ = 0;
  int64_t refilled_at_us_;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_TOKEN_BUCKET_H_
