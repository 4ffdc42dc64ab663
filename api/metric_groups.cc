// The table of all metrics.

#include "api/metric_groups.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mayfly {
namespace {

using Metrics = std::vector<Metric>;

Metrics Zeros(std::initializer_list<absl::string_view> names) {
  Metrics metrics;
  for (const absl::string_view name : names) {
    metrics.push_back({.name = name});
  }
  return metrics;
}

void AddAggregate(absl::string_view name, const LatencyCounts& counts, Metrics& metrics) {
  metrics.push_back({name, "min_us", counts.min_us, Metric::Kind::kValue});
  metrics.push_back({name, "max_us", counts.max_us, Metric::Kind::kValue});
  metrics.push_back({name, "sum_us", counts.sum_us, Metric::Kind::kCounter});
}

Metrics BlockGroup(const BlockMetrics& block) {
  Metrics metrics = {
      {"activate_fails", "", block.activate_fails},
      {"cfg_fails", "", block.cfg_fails},
      {"no_avail_buffer", "", block.no_avail_buffer},
      {"event_fails", "", block.event_fails},
      {"execute_fails", "", block.execute_fails},
      {"invalid_reqs_count", "", block.invalid_reqs_count},
      {"flush_count", "", block.flush_count},
      {"queue_event_count", "", block.queue_event_count},
      {"rate_limiter_event_count", "", block.rate_limiter_event_count},
      {"update_count", "", block.update_count},
      {"update_fails", "", block.update_fails},
      {"read_bytes", "", block.read_bytes},
      {"write_bytes", "", block.write_bytes},
      {"read_count", "", block.read_count},
      {"write_count", "", block.write_count},
  };
  AddAggregate("read_agg", block.read_agg, metrics);
  AddAggregate("write_agg", block.write_agg, metrics);
  metrics.push_back({"rate_limiter_throttled_events", "", block.rate_limiter_throttled_events});
  metrics.push_back({"io_engine_throttled_events", "", 0});
  metrics.push_back({"remaining_reqs_count", "", block.remaining_reqs_count});
  return metrics;
}

Metrics NetGroup(const NetMetrics& net) {
  Metrics metrics = {
      {"activate_fails", "", net.activate_fails},
      {"cfg_fails", "", net.cfg_fails},
      {"no_rx_avail_buffer", "", net.no_rx_avail_buffer},
      {"no_tx_avail_buffer", "", net.no_tx_avail_buffer},
      {"event_fails", "", net.event_fails},
      {"rx_queue_event_count", "", net.rx_queue_event_count},
      {"rx_event_rate_limiter_count", "", net.rx_event_rate_limiter_count},
      {"rx_rate_limiter_throttled", "", net.rx_rate_limiter_throttled},
      {"rx_tap_event_count", "", net.rx_tap_event_count},
      {"rx_bytes_count", "", net.rx_bytes_count},
      {"rx_packets_count", "", net.rx_packets_count},
      {"rx_fails", "", net.rx_fails},
      {"rx_count", "", net.rx_count},
      {"tap_read_fails", "", net.tap_read_fails},
      {"tap_write_fails", "", net.tap_write_fails},
  };
  AddAggregate("tap_write_agg", net.tap_write_agg, metrics);
  const Metrics rest = {
      {"tx_bytes_count", "", net.tx_bytes_count},
      {"tx_malformed_frames", "", net.tx_malformed_frames},
      {"tx_fails", "", net.tx_fails},
      {"tx_count", "", net.tx_count},
      {"tx_packets_count", "", net.tx_packets_count},
      {"tx_queue_event_count", "", net.tx_queue_event_count},
      {"tx_rate_limiter_event_count", "", net.tx_rate_limiter_event_count},
      {"tx_rate_limiter_throttled", "", net.tx_rate_limiter_throttled},
      {"tx_spoofed_mac_count", "", net.tx_spoofed_mac_count},
      {"tx_remaining_reqs_count", "", net.tx_remaining_reqs_count},
  };
  metrics.insert(metrics.end(), rest.begin(), rest.end());
  return metrics;
}

// Adds the metrics of `one` to those of the same table in `sum`.
void AddUp(const Metrics& one, Metrics& sum) {
  for (size_t i = 0; i < one.size(); ++i) {
    uint64_t& value = sum[i].value;
    if (one[i].part == "min_us") {
      value = value == 0 || one[i].value == 0 ? std::max(value, one[i].value)
                                              : std::min(value, one[i].value);
    } else if (one[i].part == "max_us") {
      value = std::max(value, one[i].value);
    } else {
      value += one[i].value;
    }
  }
}

// A group for each device, then that of all together.
template <typename T>
void AddDevices(absl::string_view name, const std::vector<std::pair<std::string, T>>& devices,
                Metrics (*table)(const T&), std::vector<MetricGroup>& groups) {
  Metrics sum = table(T());
  for (const auto& [id, metrics] : devices) {
    groups.push_back({name, id, table(metrics)});
    AddUp(groups.back().metrics, sum);
  }
  groups.push_back({name, "", std::move(sum)});
}

void AddRequests(absl::string_view count_name, absl::string_view fails_name,
                 const RequestCounter& counter, Metrics& metrics) {
  metrics.push_back({count_name, "", counter.count});
  metrics.push_back({fails_name, "", counter.fails});
}

Metrics GetRequestsGroup(const RequestCounters::Get& get) {
  return {
      {"instance_info_count", "", get.instance_info.count},
      {"machine_cfg_count", "", get.machine_cfg.count},
      {"mmds_count", "", get.mmds.count},
      {"vmm_version_count", "", get.vmm_version.count},
      {"hotplug_memory_count", "", get.hotplug_memory.count},
  };
}

Metrics PatchRequestsGroup(const RequestCounters::Patch& patch) {
  Metrics metrics;
  AddRequests("drive_count", "drive_fails", patch.drive, metrics);
  AddRequests("network_count", "network_fails", patch.network, metrics);
  AddRequests("machine_cfg_count", "machine_cfg_fails", patch.machine_cfg, metrics);
  AddRequests("mmds_count", "mmds_fails", patch.mmds, metrics);
  AddRequests("hotplug_memory_count", "hotplug_memory_fails", patch.hotplug_memory, metrics);
  AddRequests("pmem_count", "pmem_fails", patch.pmem, metrics);
  return metrics;
}

Metrics PutRequestsGroup(const RequestCounters::Put& put) {
  Metrics metrics;
  AddRequests("actions_count", "actions_fails", put.actions, metrics);
  AddRequests("boot_source_count", "boot_source_fails", put.boot_source, metrics);
  AddRequests("drive_count", "drive_fails", put.drive, metrics);
  AddRequests("logger_count", "logger_fails", put.logger, metrics);
  AddRequests("machine_cfg_count", "machine_cfg_fails", put.machine_cfg, metrics);
  AddRequests("cpu_cfg_count", "cpu_cfg_fails", put.cpu_cfg, metrics);
  AddRequests("metrics_count", "metrics_fails", put.metrics, metrics);
  AddRequests("network_count", "network_fails", put.network, metrics);
  AddRequests("mmds_count", "mmds_fails", put.mmds, metrics);
  AddRequests("vsock_count", "vsock_fails", put.vsock, metrics);
  AddRequests("pmem_count", "pmem_fails", put.pmem, metrics);
  AddRequests("serial_count", "serial_fails", put.serial, metrics);
  AddRequests("hotplug_memory_count", "hotplug_memory_fails", put.hotplug_memory, metrics);
  return metrics;
}

Metrics LatenciesGroup(const MonitorMetrics::Latencies& latencies) {
  constexpr auto kValue = Metric::Kind::kValue;
  return {
      {"full_create_snapshot", "", latencies.full_create_snapshot, kValue},
      {"diff_create_snapshot", "", latencies.diff_create_snapshot, kValue},
      {"load_snapshot", "", latencies.load_snapshot, kValue},
      {"pause_vm", "", latencies.pause_vm, kValue},
      {"resume_vm", "", latencies.resume_vm, kValue},
      {"vmm_full_create_snapshot", "", latencies.vmm_full_create_snapshot, kValue},
      {"vmm_diff_create_snapshot", "", latencies.vmm_diff_create_snapshot, kValue},
      {"vmm_load_snapshot", "", latencies.vmm_load_snapshot, kValue},
      {"vmm_pause_vm", "", latencies.vmm_pause_vm, kValue},
      {"vmm_resume_vm", "", latencies.vmm_resume_vm, kValue},
  };
}

Metrics MmdsGroup(const MmdsMetrics& mmds) {
  return {
      {"rx_accepted", "", mmds.rx_accepted},
      {"rx_accepted_err", "", mmds.rx_accepted_err},
      {"rx_accepted_unusual", "", mmds.rx_accepted_unusual},
      {"rx_bad_eth", "", mmds.rx_bad_eth},
      {"rx_invalid_token", "", mmds.rx_invalid_token},
      {"rx_no_token", "", mmds.rx_no_token},
      {"rx_count", "", mmds.rx_count},
      {"tx_bytes", "", mmds.tx_bytes},
      {"tx_count", "", mmds.tx_count},
      {"tx_errors", "", mmds.tx_errors},
      {"tx_frames", "", mmds.tx_frames},
      {"connections_created", "", mmds.connections_created},
      {"connections_destroyed", "", mmds.connections_destroyed},
  };
}

Metrics VcpuGroup(const VcpuCounts& vcpus) {
  Metrics metrics = {
      {"exit_io_in", "", vcpus.io_in.count},
      {"exit_io_out", "", vcpus.io_out.count},
      {"exit_mmio_read", "", vcpus.mmio_read.count},
      {"exit_mmio_write", "", vcpus.mmio_write.count},
      {"failures", "", vcpus.failures},
      {"kvmclock_ctrl_fails", "", vcpus.kvmclock_ctrl_fails},
  };
  AddAggregate("exit_io_in_agg", vcpus.io_in, metrics);
  AddAggregate("exit_io_out_agg", vcpus.io_out, metrics);
  AddAggregate("exit_mmio_read_agg", vcpus.mmio_read, metrics);
  AddAggregate("exit_mmio_write_agg", vcpus.mmio_write, metrics);
  return metrics;
}

Metrics SignalsGroup(const MetricsSnapshot::Signals& signals) {
  constexpr auto kValue = Metric::Kind::kValue;
  return {
      {"sigbus", "", signals.sigbus, kValue},   {"sigsegv", "", signals.sigsegv, kValue},
      {"sigxfsz", "", signals.sigxfsz, kValue}, {"sigxcpu", "", signals.sigxcpu, kValue},
      {"sigpipe", "", signals.sigpipe},         {"sighup", "", signals.sighup, kValue},
      {"sigill", "", signals.sigill, kValue},
  };
}

Metrics MemoryHotplugGroup() {
  Metrics metrics = Zeros({"activate_fails", "queue_event_fails", "queue_event_count"});
  const auto add = [&metrics](absl::string_view aggregate,
                              std::initializer_list<absl::string_view> names) {
    const Metrics zeros = Zeros(names);
    metrics.insert(metrics.end(), zeros.begin(), zeros.end());
    AddAggregate(aggregate, {}, metrics);
  };
  add("plug_agg", {"plug_count", "plug_bytes", "plug_fails"});
  add("unplug_agg", {"unplug_count", "unplug_bytes", "unplug_fails", "unplug_discard_fails"});
  add("state_agg", {"state_count", "state_fails"});
  add("unplug_all_agg", {"unplug_all_count", "unplug_all_fails"});
  return metrics;
}

Metrics BalloonGroup() {
  return Zeros({"activate_fails", "inflate_count", "stats_updates_count", "stats_update_fails",
                "deflate_count", "event_fails", "free_page_report_count", "free_page_report_freed",
                "free_page_report_fails", "free_page_hint_count", "free_page_hint_freed",
                "free_page_hint_fails"});
}

Metrics VsockGroup() {
  return Zeros(
      {"activate_fails",       "cfg_fails",         "rx_queue_event_fails", "tx_queue_event_fails",
       "ev_queue_event_fails", "muxer_event_fails", "conn_event_fails",     "rx_queue_event_count",
       "tx_queue_event_count", "rx_bytes_count",    "tx_bytes_count",       "rx_packets_count",
       "tx_packets_count",     "conns_added",       "conns_killed",         "conns_removed",
       "killq_resync",         "tx_flush_fails",    "tx_write_fails",       "rx_read_fails"});
}

Metrics UartGroup(const VmMetrics& vm) {
  return {{"error_count", "", vm.serial.error_count},
          {"flush_count", "", vm.serial_flush_count},
          {"missed_read_count", "", vm.serial.missed_read_count},
          {"missed_write_count", "", vm.serial.missed_write_count},
          {"read_count", "", vm.serial.read_count},
          {"write_count", "", vm.serial.write_count},
          {"rate_limiter_dropped_bytes", "", vm.serial_dropped_bytes}};
}

Metrics I8042Group(const I8042Counters& i8042) {
  return {{"error_count", "", i8042.error_count},
          {"missed_read_count", "", i8042.missed_read_count},
          {"missed_write_count", "", i8042.missed_write_count},
          {"read_count", "", i8042.read_count},
          {"reset_count", "", i8042.reset_count},
          {"write_count", "", i8042.write_count}};
}

}  // namespace

std::string MetricGroup::JsonName() const {
  return device.empty() ? std::string(name) : absl::StrCat(name, "_", device);
}

std::vector<MetricGroup> ListMetricGroups(const MetricsSnapshot& snapshot) {
  constexpr auto kValue = Metric::Kind::kValue;
  const MonitorMetrics& monitor = snapshot.monitor;
  const VmMetrics& vm = snapshot.vm;
  std::vector<MetricGroup> groups;
  const auto add = [&groups](absl::string_view name, Metrics metrics) {
    groups.push_back({name, "", std::move(metrics)});
  };
  add("api_server",
      {{"process_startup_time_us", "", monitor.process_startup_time_us, kValue},
       {"process_startup_time_cpu_us", "", monitor.process_startup_time_cpu_us, kValue}});
  add("balloon", BalloonGroup());
  AddDevices("block", vm.disks, BlockGroup, groups);
  add("deprecated_api",
      {{"deprecated_http_api_calls", "", monitor.requests.deprecated_http_api_calls}});
  add("get_api_requests", GetRequestsGroup(monitor.requests.get));
  add("i8042", I8042Group(vm.i8042));
  add("uart", UartGroup(vm));
  add("latencies_us", LatenciesGroup(monitor.latencies_us));
  add("logger", {{"missed_metrics_count", "", snapshot.missed_metrics_count},
                 {"metrics_fails", "", snapshot.metrics_fails},
                 {"missed_log_count", "", snapshot.log.missed_log_count},
                 {"rate_limited_log_count", "", snapshot.log.rate_limited_log_count}});
  add("mmds", MmdsGroup(snapshot.mmds));
  AddDevices("net", vm.networks, NetGroup, groups);
  add("patch_api_requests", PatchRequestsGroup(monitor.requests.patch));
  add("put_api_requests", PutRequestsGroup(monitor.requests.put));
  add("seccomp", {{"num_faults", "", snapshot.seccomp_faults}});
  add("vcpu", VcpuGroup(vm.vcpus));
  add("vmm", Zeros({"panic_count"}));
  add("signals", SignalsGroup(snapshot.signals));
  add("vsock", VsockGroup());
  add("entropy",
      Zeros({"activate_fails", "entropy_event_fails", "entropy_event_count", "entropy_bytes",
             "host_rng_fails", "entropy_rate_limiter_throttled", "rate_limiter_event_count"}));
  add("pmem", Zeros({"activate_fails", "cfg_fails", "event_fails", "queue_event_count",
                     "rate_limiter_throttled_events", "rate_limiter_event_count"}));
  add("interrupts", {{"triggers", "", vm.interrupts.triggers},
                     {"config_updates", "", vm.interrupts.config_updates}});
  add("memory_hotplug", MemoryHotplugGroup());
  return groups;
}

}  // namespace mayfly
