// BusDevice: what answers guest accesses to a range of ports or of MMIO addresses.

#ifndef MAYFLY_DEVICES_BUS_DEVICE_H_
#define MAYFLY_DEVICES_BUS_DEVICE_H_

#include <cstdint>
#include <span>

namespace mayfly {

// Called on any vCPU thread, on several at once: an implementation locks its own state and never
// waits for the loop. The guest chose offset and data; `guest_offset` is below the size the device
// was attached with, and data has 1 to 8 bytes. An access may reach past the end of the device's
// range.
class BusDevice {
 public:
  virtual ~BusDevice() = default;

  // Fills all of `data`. Unknown registers read as the device's specification says, else as zeros.
  virtual void Read(uint64_t guest_offset, std::span<uint8_t> data) = 0;
  virtual void Write(uint64_t guest_offset, std::span<const uint8_t> guest_data) = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_BUS_DEVICE_H_
