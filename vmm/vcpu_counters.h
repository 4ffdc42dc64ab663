// VcpuCounters: how often a vCPU left the guest and how long its devices took.

#ifndef MAYFLY_VMM_VCPU_COUNTERS_H_
#define MAYFLY_VMM_VCPU_COUNTERS_H_

#include <atomic>
#include <cstdint>

#include "base/latency_counts.h"

namespace mayfly {

// A copy, or the sum of several vCPUs' copies.
struct VcpuCounts {
  LatencyCounts io_in;
  LatencyCounts io_out;
  LatencyCounts mmio_read;
  LatencyCounts mmio_write;
  uint64_t failures = 0;
  uint64_t kvmclock_ctrl_fails = 0;

  void Add(const VcpuCounts& other);
};

// Written by one thread, read by any.
class ExitCounter {
 public:
  void Record(int64_t duration_us);
  LatencyCounts Read() const;

 private:
  std::atomic<uint64_t> count_{0};
  std::atomic<uint64_t> min_us_{0};
  std::atomic<uint64_t> max_us_{0};
  std::atomic<uint64_t> sum_us_{0};
};

// A member of Vcpu, whose thread alone writes it.
struct VcpuCounters {
  ExitCounter io_in;
  ExitCounter io_out;
  ExitCounter mmio_read;
  ExitCounter mmio_write;
  std::atomic<uint64_t> failures{0};
  // Pauses that a guest with a KVM clock was not told of.
  std::atomic<uint64_t> kvmclock_ctrl_fails{0};

  VcpuCounts Read() const;
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_VCPU_COUNTERS_H_
