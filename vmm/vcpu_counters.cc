// One writer needs no read-modify-write operations.

#include "vmm/vcpu_counters.h"

namespace mayfly {
namespace {

uint64_t Load(const std::atomic<uint64_t>& value) { return value.load(std::memory_order_relaxed); }

void Store(std::atomic<uint64_t>& target, uint64_t value) {
  target.store(value, std::memory_order_relaxed);
}

}  // namespace

void VcpuCounts::Add(const VcpuCounts& other) {
  io_in.Add(other.io_in);
  io_out.Add(other.io_out);
  mmio_read.Add(other.mmio_read);
  mmio_write.Add(other.mmio_write);
  failures += other.failures;
  kvmclock_ctrl_fails += other.kvmclock_ctrl_fails;
}

void ExitCounter::Record(int64_t duration_us) {
  LatencyCounts counts = Read();
  counts.Record(duration_us);
  Store(count_, counts.count);
  Store(min_us_, counts.min_us);
  Store(max_us_, counts.max_us);
  Store(sum_us_, counts.sum_us);
}

LatencyCounts ExitCounter::Read() const {
  return {.count = Load(count_),
          .min_us = Load(min_us_),
          .max_us = Load(max_us_),
          .sum_us = Load(sum_us_)};
}

VcpuCounts VcpuCounters::Read() const {
  return {.io_in = io_in.Read(),
          .io_out = io_out.Read(),
          .mmio_read = mmio_read.Read(),
          .mmio_write = mmio_write.Read(),
          .failures = Load(failures),
          .kvmclock_ctrl_fails = Load(kvmclock_ctrl_fails)};
}

}  // namespace mayfly
