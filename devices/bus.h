// Bus: routes a guest access (port or MMIO) to the device attached there.

#ifndef MAYFLY_DEVICES_BUS_H_
#define MAYFLY_DEVICES_BUS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "devices/bus_device.h"

namespace mayfly {

// One for ports, one for MMIO. Built on the loop thread, immutable once a vCPU runs, so lookups
// take no lock. Devices are owned elsewhere (MicroVm) and outlive the bus's use.
class Bus {
 public:
  // Attaches `device` to [start, start + size_bytes). InvalidArgument for an empty range or one
  // past 2^64, AlreadyExists when it overlaps another.
  absl::Status Attach(uint64_t start, uint64_t size_bytes, BusDevice* device);

  // Where nothing is attached, a read gives all ones, as an undriven bus does, and a write
  // vanishes. True when a device answered.
  bool Read(uint64_t guest_address, std::span<uint8_t> data) const;
  bool Write(uint64_t guest_address, std::span<const uint8_t> guest_data) const;

 private:
  struct Entry {
    uint64_t start = 0;
    uint64_t size_bytes = 0;
    BusDevice* device = nullptr;
  };

  const Entry* Find(uint64_t guest_address) const;

  std::vector<Entry> entries_;  // sorted by start
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_BUS_H_
