// AcpiSleep: the sleep registers of a hardware-reduced ACPI machine, by which a guest powers off.

#ifndef MAYFLY_DEVICES_ACPI_SLEEP_H_
#define MAYFLY_DEVICES_ACPI_SLEEP_H_

#include <cstdint>
#include <functional>
#include <span>

#include "devices/bus_device.h"

namespace mayfly {

// ACPI 6.5, 4.8.3.7: the sleep control register at offset 0 and the sleep status register at offset
// 1, a byte each. Only S5 (off) exists. Owned by MicroVm. Keeps no state, so any vCPU thread may
// call it at any time.
class AcpiSleep : public BusDevice {
 public:
  // The SLP_TYP value of S5: what the DSDT's _S5 package announces and the guest writes.
  static constexpr uint8_t kSleepTypeS5 = 5;

  // `on_power_off` is called on a vCPU thread at every request, possibly on several at once. Must
  // not block.
  explicit AcpiSleep(std::function<void()> on_power_off);

  void Read(uint64_t guest_offset, std::span<uint8_t> data) override;
  void Write(uint64_t guest_offset, std::span<const uint8_t> guest_data) override;

 private:
  const std::function<void()> on_power_off_;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_ACPI_SLEEP_H_
