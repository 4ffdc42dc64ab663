// RequestCounters: how many requests of each kind came, and how many of them could not be read.

#ifndef MAYFLY_API_REQUEST_COUNTERS_H_
#define MAYFLY_API_REQUEST_COUNTERS_H_

#include <cstdint>

namespace mayfly {

struct RequestCounter {
  uint64_t count = 0;
  uint64_t fails = 0;
};

// Since the monitor's start; loop thread only. The names are those of Firecracker's metrics
// get_api_requests, put_api_requests, patch_api_requests and deprecated_api.
struct RequestCounters {
  struct Get {
    RequestCounter instance_info;
    RequestCounter machine_cfg;
    RequestCounter mmds;
    RequestCounter vmm_version;
    RequestCounter hotplug_memory;
  };
  struct Put {
    RequestCounter actions;
    RequestCounter boot_source;
    RequestCounter drive;
    RequestCounter logger;
    RequestCounter machine_cfg;
    RequestCounter cpu_cfg;
    RequestCounter metrics;
    RequestCounter network;
    RequestCounter mmds;
    RequestCounter vsock;
    RequestCounter pmem;
    RequestCounter serial;
    RequestCounter hotplug_memory;
  };
  struct Patch {
    RequestCounter drive;
    RequestCounter network;
    RequestCounter machine_cfg;
    RequestCounter mmds;
    RequestCounter hotplug_memory;
    RequestCounter pmem;
  };

  Get get;
  Put put;
  Patch patch;
  uint64_t deprecated_http_api_calls = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_API_REQUEST_COUNTERS_H_
