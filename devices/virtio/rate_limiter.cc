// Blocks and unblocks a device's I/O by two token buckets.

#include "devices/virtio/rate_limiter.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/clock.h"
#include "base/status.h"

namespace mayfly {
namespace {

constexpr int64_t kLongestWaitUs = 100'000;
constexpr int64_t kBatchWaitUs = 1'000;

void SetBucket(std::optional<TokenBucket>& bucket, const TokenBucketConfig& config,
               int64_t now_us) {
  bucket.reset();
  if (config.is_enabled()) {
    bucket.emplace(config, now_us);
  }
}

// 0 when the request passes. `bucket` may be absent.
int64_t WaitUs(std::optional<TokenBucket>& bucket, uint64_t tokens, int64_t now_us) {
  if (!bucket) {
    return 0;
  }
  const int64_t enough_us = bucket->WaitUs(tokens, now_us);
  if (enough_us == 0) {
    return 0;
  }
  return std::max(enough_us, std::min(kBatchWaitUs, bucket->FullUs(now_us)));
}

std::optional<TokenBucketState> BucketState(std::optional<TokenBucket>& bucket, int64_t now_us) {
  return bucket ? std::optional(bucket->State(now_us)) : std::nullopt;
}

void RestoreBucket(std::optional<TokenBucket>& bucket, const std::optional<TokenBucketState>& state,
                   int64_t now_us) {
  if (bucket && state) {
    bucket->Restore(*state, now_us);
  }
}

}  // namespace

absl::Status CheckRateLimiterState(const RateLimiterState& state) {
  RETURN_IF_ERROR(CheckTokenBucketState(state.bandwidth.value_or(TokenBucketState())));
  return CheckTokenBucketState(state.ops.value_or(TokenBucketState()));
}

RateLimiter::RateLimiter(EventLoop* loop, const RateLimiterConfig& config,
                         absl::AnyInvocable<void()> on_unblocked)
    : on_unblocked_(std::move(on_unblocked)), timer_(loop, [this] { OnTimer(); }) {
  const int64_t now_us = MonotonicTimeUs();
  SetBucket(bandwidth_, config.bandwidth, now_us);
  SetBucket(ops_, config.ops, now_us);
}

bool RateLimiter::ConsumeLimited(uint64_t operations, uint64_t bytes) {
  if (is_blocked()) {
    return false;
  }
  const int64_t now_us = MonotonicTimeUs();
  const int64_t wait_us =
      std::max(WaitUs(bandwidth_, bytes, now_us), WaitUs(ops_, operations, now_us));
  if (wait_us > 0) {
    BlockFor(std::min(wait_us, kLongestWaitUs), now_us);
    return false;
  }
  if (bandwidth_) {
    bandwidth_->Take(bytes, now_us);
  }
  if (ops_) {
    ops_->Take(operations, now_us);
  }
  const int64_t debt_us = DebtUs(now_us);
  if (debt_us > 0) {
    BlockFor(debt_us, now_us);
  }
  return true;
}

void RateLimiter::Refund(uint64_t operations, uint64_t bytes) {
  if (!bandwidth_ && !ops_) {
    return;
  }
  const int64_t now_us = MonotonicTimeUs();
  if (bandwidth_) {
    bandwidth_->Return(bytes, now_us);
  }
  if (ops_) {
    ops_->Return(operations, now_us);
  }
  if (is_blocked()) {
    timer_.Set(now_us);
  }
}

void RateLimiter::Update(const RateLimiterUpdate& update) {
  const int64_t now_us = MonotonicTimeUs();
  if (update.bandwidth) {
    SetBucket(bandwidth_, *update.bandwidth, now_us);
  }
  if (update.ops) {
    SetBucket(ops_, *update.ops, now_us);
  }
  if (is_blocked()) {
    timer_.Set(now_us);
  }
}

RateLimiterState RateLimiter::State() {
  const int64_t now_us = MonotonicTimeUs();
  return {.bandwidth = BucketState(bandwidth_, now_us), .ops = BucketState(ops_, now_us)};
}

void RateLimiter::Restore(const RateLimiterState& state) {
  const int64_t now_us = MonotonicTimeUs();
  RestoreBucket(bandwidth_, state.bandwidth, now_us);
  RestoreBucket(ops_, state.ops, now_us);
  if (is_blocked()) {
    timer_.Set(now_us);
  }
}

void RateLimiter::BlockFor(int64_t wait_us, int64_t now_us) {
  timer_.Set(now_us + std::min(wait_us, std::numeric_limits<int64_t>::max() - now_us));
}

int64_t RateLimiter::DebtUs(int64_t now_us) {
  return std::max(bandwidth_ ? bandwidth_->DebtUs(now_us) : 0, ops_ ? ops_->DebtUs(now_us) : 0);
}

void RateLimiter::OnTimer() {
  // Another bucket than the one that was replaced or refilled may still be in debt.
  const int64_t now_us = MonotonicTimeUs();
  const int64_t debt_us = DebtUs(now_us);
  if (debt_us > 0) {
    BlockFor(debt_us, now_us);
    return;
  }
  on_unblocked_();
}

}  // namespace mayfly
