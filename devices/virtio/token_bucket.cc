// Exact token arithmetic.

#include "devices/virtio/token_bucket.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace mayfly {
namespace {

// A token count times a time: 64 and 63 bits.
__extension__ typedef unsigned __int128 TokenMicroseconds;

constexpr uint64_t kMaxTimeUs = std::numeric_limits<int64_t>::max();

// A refill time of more than 292 thousand years is as good as that.
uint64_t RefillTimeUs(uint64_t refill_time_ms) {
  return std::min(refill_time_ms, kMaxTimeUs / 1000) * 1000;
}

}  // namespace

absl::Status CheckTokenBucketState(const TokenBucketState& state) {
  if (state.debt > std::numeric_limits<uint32_t>::max() || (state.debt > 0 && state.level > 0)) {
    return absl::InvalidArgumentError("rate limiter state: impossible debt");
  }
  return absl::OkStatus();
}

TokenBucket::TokenBucket(const TokenBucketConfig& config, int64_t now_us)
    : size_(config.size),
      refill_time_us_(RefillTimeUs(config.refill_time_ms)),
      initial_burst_(config.one_time_burst),
      burst_(config.one_time_burst),
      level_(config.size),
      refilled_at_us_(now_us) {
  MAYFLY_CHECK(config.is_enabled());
}

int64_t TokenBucket::WaitUs(uint64_t tokens, int64_t now_us) {
  Refill(now_us);
  if (debt_ > 0) {
    return InflowUs(debt_);
  }
  const uint64_t beyond_burst = tokens - std::min(tokens, burst_);
  if (beyond_burst <= level_ || beyond_burst > size_) {
    return 0;
  }
  return InflowUs(beyond_burst - level_);
}

void TokenBucket::Take(uint64_t tokens, int64_t now_us) {
  Refill(now_us);
  const uint64_t from_burst = std::min(tokens, burst_);
  burst_ -= from_burst;
  tokens -= from_burst;
  const uint64_t from_level = std::min(tokens, level_);
  level_ -= from_level;
  debt_ += tokens - from_level;
}

void TokenBucket::Return(uint64_t tokens, int64_t now_us) {
  Refill(now_us);
  const uint64_t to_debt = std::min(tokens, debt_);
  debt_ -= to_debt;
  tokens -= to_debt;
  const uint64_t to_level = std::min(tokens, size_ - level_);
  level_ += to_level;
  tokens -= to_level;
  if (level_ == size_) {
    part_ = 0;
  }
  burst_ += std::min(tokens, initial_burst_ - burst_);
}

int64_t TokenBucket::DebtUs(int64_t now_us) {
  Refill(now_us);
  return InflowUs(debt_);
}

int64_t TokenBucket::FullUs(int64_t now_us) {
  Refill(now_us);
  const int64_t debt_us = InflowUs(debt_);
  const int64_t level_us = InflowUs(size_ - level_);
  return debt_us > std::numeric_limits<int64_t>::max() - level_us
             ? std::numeric_limits<int64_t>::max()
             : debt_us + level_us;
}

TokenBucketState TokenBucket::State(int64_t now_us) {
  Refill(now_us);
  return {.level = level_, .burst = burst_, .debt = debt_};
}

void TokenBucket::Restore(const TokenBucketState& state, int64_t now_us) {
  Refill(now_us);
  level_ = std::min(state.level, size_);
  burst_ = std::min(state.burst, initial_burst_);
  debt_ = state.debt;
  part_ = 0;
}

void TokenBucket::Refill(int64_t now_us) {
  if (now_us <= refilled_at_us_) {
    return;
  }
  const uint64_t elapsed_us =
      static_cast<uint64_t>(now_us) - static_cast<uint64_t>(refilled_at_us_);
  refilled_at_us_ = now_us;
  if (debt_ == 0 && level_ == size_) {
    return;
  }
  const TokenMicroseconds inflow = TokenMicroseconds{size_} * elapsed_us + part_;
  TokenMicroseconds tokens = inflow / refill_time_us_;
  part_ = static_cast<uint64_t>(inflow % refill_time_us_);
  if (tokens <= debt_) {
    debt_ -= static_cast<uint64_t>(tokens);
    return;
  }
  tokens -= debt_;
  debt_ = 0;
  if (tokens >= size_ - level_) {
    level_ = size_;
    part_ = 0;
  } else {
    level_ += static_cast<uint64_t>(tokens);
  }
}

int64_t TokenBucket::InflowUs(uint64_t tokens) const {
  if (tokens == 0) {
    return 0;
  }
  const TokenMicroseconds missing = TokenMicroseconds{tokens} * refill_time_us_ - part_;
  const TokenMicroseconds wait_us = (missing + size_ - 1) / size_;
  return wait_us > kMaxTimeUs ? std::numeric_limits<int64_t>::max() : static_cast<int64_t>(wait_us);
}

}  // namespace mayfly
