// MicroVmState: a paused VM but for its RAM, as a snapshot keeps it.

#ifndef MAYFLY_VMM_MICRO_VM_STATE_H_
#define MAYFLY_VMM_MICRO_VM_STATE_H_

#include <string>
#include <vector>

#include "base/guest_address.h"
#include "devices/i8042.h"
#include "devices/serial_state.h"
#include "devices/virtio/block_device.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/net_device.h"
#include "vmm/guest_ram.h"
#include "vmm/host_cpu.h"
#include "vmm/machine_state.h"
#include "vmm/vcpu_state.h"
#include "vmm/vm_clock.h"
#include "vmm/vm_generation.h"

namespace mayfly {

// A disk or network card, by its name.
struct DiskState {
  std::string name;
  MmioTransportState transport;
  BlockDeviceState device;
};
struct NetworkState {
  std::string name;
  MmioTransportState transport;
  NetDeviceState device;
};

// A plain value. Nothing in it is to be trusted: MicroVm::Restore checks all of it.
struct MicroVmState {
  HostCpu host_cpu;
  // RAM, in the order of a memory file.
  std::vector<GuestRange> ram;
  HugePages huge_pages = HugePages::kNone;
  std::vector<VcpuState> vcpus;
  MachineState machine;
  SerialState serial;
  I8042State i8042;
  // In the order of the devices: disks first, then network cards.
  std::vector<DiskState> disks;
  std::vector<NetworkState> networks;
  VmGenerationState vm_generation;
  VmClockState vm_clock;
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_MICRO_VM_STATE_H_
