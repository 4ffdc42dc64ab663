// VcpuCounters: what is recorded is what is read, and sums are sums.

#include "vmm/vcpu_counters.h"

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(VcpuCountersTest, KeepCountExtremesAndSum) {
  ExitCounter counter;
  EXPECT_EQ(counter.Read().count, 0u);
  for (const int64_t us : {5, 3, 9}) {
    counter.Record(us);
  }
  const LatencyCounts counts = counter.Read();
  EXPECT_EQ(counts.count, 3u);
  EXPECT_EQ(counts.min_us, 3u);
  EXPECT_EQ(counts.max_us, 9u);
  EXPECT_EQ(counts.sum_us, 17u);
}

TEST(VcpuCountersTest, SumOfTwoVcpus) {
  VcpuCounters first;
  VcpuCounters second;
  first.io_in.Record(4);
  second.io_in.Record(2);
  second.mmio_write.Record(7);
  second.failures = 1;
  first.kvmclock_ctrl_fails = 2;
  VcpuCounts sum;
  sum.Add(first.Read());
  sum.Add(second.Read());
  EXPECT_EQ(sum.io_in.count, 2u);
  EXPECT_EQ(sum.io_in.min_us, 2u);
  EXPECT_EQ(sum.io_in.max_us, 4u);
  EXPECT_EQ(sum.io_out.count, 0u);
  EXPECT_EQ(sum.mmio_write.sum_us, 7u);
  EXPECT_EQ(sum.failures, 1u);
  EXPECT_EQ(sum.kvmclock_ctrl_fails, 2u);
}

}  // namespace
}  // namespace mayfly
