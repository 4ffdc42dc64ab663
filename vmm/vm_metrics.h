// VmMetrics: what a VM's devices and vCPUs have counted.

#ifndef MAYFLY_VMM_VM_METRICS_H_
#define MAYFLY_VMM_VM_METRICS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "devices/i8042.h"
#include "devices/serial.h"
#include "devices/virtio/block_device.h"
#include "devices/virtio/net_metrics.h"
#include "vmm/vcpu_counters.h"

namespace mayfly {

// Interrupts of virtio devices.
struct InterruptCounters {
  uint64_t triggers = 0;
  uint64_t config_updates = 0;
};

// A copy, made on the loop thread by MicroVm::metrics(). Since the VM was made.
struct VmMetrics {
  // By name, in the order of the devices.
  std::vector<std::pair<std::string, BlockMetrics>> disks;
  std::vector<std::pair<std::string, NetMetrics>> networks;
  SerialCounters serial;
  uint64_t serial_flush_count = 0;
  uint64_t serial_dropped_bytes = 0;  // by the rate limit
  I8042Counters i8042;
  VcpuCounts vcpus;  // of all together
  InterruptCounters interrupts;
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_VM_METRICS_H_
