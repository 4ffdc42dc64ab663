// Decodes writes to the sleep control register.

#include "devices/acpi_sleep.h"

#include <algorithm>
#include <utility>

namespace mayfly {
namespace {

// ACPI 6.5, table 4.17 (sleep control register).
constexpr uint64_t kControlOffset = 0;
constexpr uint8_t kSleepEnable = 1 << 5;
constexpr uint8_t kSleepTypeShift = 2;
constexpr uint8_t kSleepTypeMask = 0x7;

}  // namespace

AcpiSleep::AcpiSleep(std::function<void()> on_power_off) : on_power_off_(std::move(on_power_off)) {}

void AcpiSleep::Read(uint64_t /*guest_offset*/, std::span<uint8_t> data) {
  // Control bits are write-only, and WAK_STS of the status register stays clear: nothing wakes
  // from S5.
  std::fill(data.begin(), data.end(), uint8_t{0});
}

void AcpiSleep::Write(uint64_t guest_offset, std::span<const uint8_t> guest_data) {
  // Clearing WAK_STS, which is clear already, is all the status register is written for.
  if (guest_offset != kControlOffset || guest_data.empty()) {
    return;
  }
  const uint8_t control = guest_data.front();
  const uint8_t sleep_type = (control >> kSleepTypeShift) & kSleepTypeMask;
  if ((control & kSleepEnable) != 0 && sleep_type == kSleepTypeS5) {
    on_power_off_();
  }
}

}  // namespace mayfly
