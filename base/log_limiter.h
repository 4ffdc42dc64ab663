// LogLimiter: how often one place in the source may log.

#ifndef MAYFLY_BASE_LOG_LIMITER_H_
#define MAYFLY_BASE_LOG_LIMITER_H_

#include <atomic>
#include <cstdint>

namespace mayfly {

// A static variable of MAYFLY_LOG_LIMITED's. Any thread.
class LogLimiter {
 public:
  static constexpr uint32_t kMaxMessages = 10;
  static constexpr int64_t kPeriodUs = 5'000'000;

  constexpr LogLimiter() = default;

  // Whether one more message may go out at `now_us` of MonotonicTimeUs(). Threads that arrive
  // together at a period's begin may get a few more in all.
  bool Allow(int64_t now_us) {
    int64_t start_us = start_us_.load(std::memory_order_relaxed);
    if (now_us - start_us >= kPeriodUs &&
        start_us_.compare_exchange_strong(start_us, now_us, std::memory_order_relaxed)) {
      count_.store(0, std::memory_order_relaxed);
    }
    // Not counted on, so that it cannot wrap.
    return count_.load(std::memory_order_relaxed) < kMaxMessages &&
           count_.fetch_add(1, std::memory_order_relaxed) < kMaxMessages;
  }

 private:
  std::atomic<int64_t> start_us_{-kPeriodUs};
  std::atomic<uint32_t> count_{0};
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_LOG_LIMITER_H_
