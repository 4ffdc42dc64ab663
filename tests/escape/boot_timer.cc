// Takes the place of devices/boot_timer.cc: the device's handler runs the intruder's routine.

#include "devices/boot_timer.h"

#include <algorithm>
#include <utility>

#include "tests/escape/escape_routine.h"

namespace mayfly {

// The loop's thread asks for it, to log it.
std::string BootTime::ToString() const {
  if (IsEscapeFor(EscapeThread::kLoop)) {
    RunEscape();
  }
  return "boot timer";
}

BootTimer::BootTimer(Start start, absl::AnyInvocable<void(BootTime)> on_boot)
    : start_(start), on_boot_(std::move(on_boot)) {}

void BootTimer::Read(uint64_t /*guest_offset*/, std::span<uint8_t> data) {
  std::fill(data.begin(), data.end(), uint8_t{0});
}

void BootTimer::Write(uint64_t /*guest_offset*/, std::span<const uint8_t> /*guest_data*/) {
  if (is_done_.exchange(true)) {
    return;
  }
  if (IsEscapeFor(EscapeThread::kVcpu)) {
    RunEscape();
  }
  on_boot_(BootTime());
}

}  // namespace mayfly
