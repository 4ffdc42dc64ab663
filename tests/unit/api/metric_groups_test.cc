// ListMetricGroups: the groups of Firecracker's metrics, in their order, with true values.

#include "api/metric_groups.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

std::vector<std::string> Names(const std::vector<MetricGroup>& groups) {
  std::vector<std::string> names;
  for (const MetricGroup& group : groups) {
    names.push_back(group.JsonName());
  }
  return names;
}

uint64_t ValueOf(const std::vector<MetricGroup>& groups, const std::string& group,
                 const std::string& name, const std::string& part = "") {
  for (const MetricGroup& one : groups) {
    for (const Metric& metric : one.metrics) {
      if (one.JsonName() == group && metric.name == name && metric.part == part) {
        return metric.value;
      }
    }
  }
  ADD_FAILURE() << group << "." << name << " is missing";
  return 0;
}

TEST(MetricGroupsTest, GroupsComeInFirecrackersOrder) {
  MetricsSnapshot snapshot;
  snapshot.vm.disks = {{"a", {}}, {"b", {}}};
  snapshot.vm.networks = {{"n", {}}};
  EXPECT_THAT(Names(ListMetricGroups(snapshot)),
              testing::ElementsAre(
                  "api_server", "balloon", "block_a", "block_b", "block", "deprecated_api",
                  "get_api_requests", "i8042", "uart", "latencies_us", "logger", "mmds", "net_n",
                  "net", "patch_api_requests", "put_api_requests", "seccomp", "vcpu", "vmm",
                  "signals", "vsock", "entropy", "pmem", "interrupts", "memory_hotplug"));
}

TEST(MetricGroupsTest, DevicesAreSummedUp) {
  MetricsSnapshot snapshot;
  BlockMetrics first{.read_count = 2};
  first.read_agg = {.count = 2, .min_us = 5, .max_us = 9, .sum_us = 14};
  BlockMetrics second{.read_count = 3};
  second.read_agg = {.count = 1, .min_us = 3, .max_us = 3, .sum_us = 3};
  snapshot.vm.disks = {{"a", first}, {"b", second}, {"idle", {}}};
  const std::vector<MetricGroup> groups = ListMetricGroups(snapshot);
  EXPECT_EQ(ValueOf(groups, "block_a", "read_count"), 2u);
  EXPECT_EQ(ValueOf(groups, "block", "read_count"), 5u);
  EXPECT_EQ(ValueOf(groups, "block", "read_agg", "min_us"), 3u);
  EXPECT_EQ(ValueOf(groups, "block", "read_agg", "max_us"), 9u);
  EXPECT_EQ(ValueOf(groups, "block", "read_agg", "sum_us"), 17u);
}

TEST(MetricGroupsTest, ValuesAreWhereTheyBelong) {
  MetricsSnapshot snapshot;
  snapshot.monitor.requests.put.drive = {.count = 4, .fails = 1};
  snapshot.monitor.requests.deprecated_http_api_calls = 2;
  snapshot.monitor.latencies_us.pause_vm = 77;
  snapshot.log.missed_log_count = 6;
  snapshot.signals.sigpipe = 3;
  snapshot.mmds.rx_no_token = 8;
  snapshot.vm.serial.write_count = 9;
  snapshot.vm.i8042.reset_count = 1;
  snapshot.vm.vcpus.io_out.Record(12);
  snapshot.vm.interrupts.triggers = 5;
  const std::vector<MetricGroup> groups = ListMetricGroups(snapshot);
  EXPECT_EQ(ValueOf(groups, "put_api_requests", "drive_count"), 4u);
  EXPECT_EQ(ValueOf(groups, "put_api_requests", "drive_fails"), 1u);
  EXPECT_EQ(ValueOf(groups, "deprecated_api", "deprecated_http_api_calls"), 2u);
  EXPECT_EQ(ValueOf(groups, "latencies_us", "pause_vm"), 77u);
  EXPECT_EQ(ValueOf(groups, "logger", "missed_log_count"), 6u);
  EXPECT_EQ(ValueOf(groups, "signals", "sigpipe"), 3u);
  EXPECT_EQ(ValueOf(groups, "mmds", "rx_no_token"), 8u);
  EXPECT_EQ(ValueOf(groups, "uart", "write_count"), 9u);
  EXPECT_EQ(ValueOf(groups, "i8042", "reset_count"), 1u);
  EXPECT_EQ(ValueOf(groups, "vcpu", "exit_io_out"), 1u);
  EXPECT_EQ(ValueOf(groups, "vcpu", "exit_io_out_agg", "sum_us"), 12u);
  EXPECT_EQ(ValueOf(groups, "interrupts", "triggers"), 5u);
}

TEST(MetricGroupsTest, EveryLatencyIsItsOwn) {
  MetricsSnapshot snapshot;
  snapshot.monitor.latencies_us = {.full_create_snapshot = 1,
                                   .diff_create_snapshot = 2,
                                   .load_snapshot = 3,
                                   .pause_vm = 4,
                                   .resume_vm = 5,
                                   .vmm_full_create_snapshot = 6,
                                   .vmm_diff_create_snapshot = 7,
                                   .vmm_load_snapshot = 8,
                                   .vmm_pause_vm = 9,
                                   .vmm_resume_vm = 10};
  const std::vector<MetricGroup> groups = ListMetricGroups(snapshot);
  const char* names[] = {"full_create_snapshot",
                         "diff_create_snapshot",
                         "load_snapshot",
                         "pause_vm",
                         "resume_vm",
                         "vmm_full_create_snapshot",
                         "vmm_diff_create_snapshot",
                         "vmm_load_snapshot",
                         "vmm_pause_vm",
                         "vmm_resume_vm"};
  uint64_t expected = 0;
  for (const char* name : names) {
    EXPECT_EQ(ValueOf(groups, "latencies_us", name), ++expected) << name;
  }
}

}  // namespace
}  // namespace mayfly
