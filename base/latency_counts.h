// LatencyCounts: how many times something was done, and how long it took.

#ifndef MAYFLY_BASE_LATENCY_COUNTS_H_
#define MAYFLY_BASE_LATENCY_COUNTS_H_

#include <algorithm>
#include <cstdint>

namespace mayfly {

// A plain value. `min_us` is 0 while there was none.
struct LatencyCounts {
  uint64_t count = 0;
  uint64_t min_us = 0;
  uint64_t max_us = 0;
  uint64_t sum_us = 0;

  void Record(int64_t duration_us) {
    const auto us = static_cast<uint64_t>(std::max<int64_t>(duration_us, 0));
    Add({.count = 1, .min_us = us, .max_us = us, .sum_us = us});
  }
  // Makes these those of both.
  void Add(const LatencyCounts& other) {
    if (other.count == 0) {
      return;
    }
    min_us = count == 0 ? other.min_us : std::min(min_us, other.min_us);
    max_us = std::max(max_us, other.max_us);
    sum_us += other.sum_us;
    count += other.count;
  }
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_LATENCY_COUNTS_H_
