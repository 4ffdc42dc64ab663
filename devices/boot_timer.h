// BootTimer: tells how long a guest took to boot, when the guest says that it has.

#ifndef MAYFLY_DEVICES_BOOT_TIMER_H_
#define MAYFLY_DEVICES_BOOT_TIMER_H_

#include <atomic>
#include <cstdint>
#include <span>
#include <string>

#include "absl/functional/any_invocable.h"
#include "devices/bus_device.h"

namespace mayfly {

// Since the start given to BootTimer.
struct BootTime {
  int64_t wall_us = 0;
  int64_t cpu_us = 0;  // of the whole process

  // "Guest-boot-time = %6d us %d ms, %6d CPU us %d CPU ms".
  std::string ToString() const;
};

// Attached to MMIO at 0xC0000000. Owned by MicroVm. The guest's init writes the byte 123 to its
// first address; every other access reads as 0 or is ignored.
class BootTimer : public BusDevice {
 public:
  static constexpr uint64_t kSizeBytes = 1;

  struct Start {
    int64_t monotonic_us = 0;  // MonotonicTimeUs()
    int64_t cpu_us = 0;        // ProcessCpuTimeUs()
  };

  // `on_boot` runs on the vCPU thread that wrote, and for the first such write only.
  BootTimer(Start start, absl::AnyInvocable<void(BootTime)> on_boot);

  void Read(uint64_t guest_offset, std::span<uint8_t> data) override;
  void Write(uint64_t guest_offset, std::span<const uint8_t> guest_data) override;

 private:
  const Start start_;
  absl::AnyInvocable<void(BootTime)> on_boot_;
  std::atomic<bool> is_done_{false};
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_BOOT_TIMER_H_
