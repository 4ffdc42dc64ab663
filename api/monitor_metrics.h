// MonitorMetrics: what the monitor itself counts, and all metrics of one moment.

#ifndef MAYFLY_API_MONITOR_METRICS_H_
#define MAYFLY_API_MONITOR_METRICS_H_

#include <cstdint>
#include <string>

#include "api/request_counters.h"
#include "base/log.h"
#include "devices/mmds/mmds_metrics.h"
#include "vmm/vm_metrics.h"

namespace mayfly {

// Loop thread. The names are those of Firecracker's metrics.
struct MonitorMetrics {
  // From the jailer's start to the API's, 0 where nobody told when that was.
  uint64_t process_startup_time_us = 0;
  uint64_t process_startup_time_cpu_us = 0;

  RequestCounters requests;

  // Of the last request of its kind; as its client saw it, and within the monitor.
  struct Latencies {
    uint64_t full_create_snapshot = 0;
    uint64_t diff_create_snapshot = 0;
    uint64_t load_snapshot = 0;
    uint64_t pause_vm = 0;
    uint64_t resume_vm = 0;
    uint64_t vmm_full_create_snapshot = 0;
    uint64_t vmm_diff_create_snapshot = 0;
    uint64_t vmm_load_snapshot = 0;
    uint64_t vmm_pause_vm = 0;
    uint64_t vmm_resume_vm = 0;
  };
  Latencies latencies_us;
};

// What a line of metrics is made of.
struct MetricsSnapshot {
  MonitorMetrics monitor;
  LogCounters log;
  uint64_t missed_metrics_count = 0;
  uint64_t metrics_fails = 0;
  // Of fatal signals.
  struct Signals {
    uint64_t sigbus = 0;
    uint64_t sigsegv = 0;
    uint64_t sigxfsz = 0;
    uint64_t sigxcpu = 0;
    uint64_t sigpipe = 0;
    uint64_t sighup = 0;
    uint64_t sigill = 0;
  };
  Signals signals;
  uint64_t seccomp_faults = 0;
  MmdsMetrics mmds;
  // All zero before a VM runs.
  VmMetrics vm;
};

}  // namespace mayfly

#endif  // MAYFLY_API_MONITOR_METRICS_H_
