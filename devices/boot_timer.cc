// The boot timer's one write.

#include "devices/boot_timer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/clock.h"

namespace mayfly {
namespace {

// What Firecracker's guests write (contract of its `--boot-timer`).
constexpr uint8_t kBootDone = 123;

}  // namespace

std::string BootTime::ToString() const {
  return absl::StrFormat("Guest-boot-time = %6d us %d ms, %6d CPU us %d CPU ms", wall_us,
                         wall_us / 1'000, cpu_us, cpu_us / 1'000);
}

BootTimer::BootTimer(Start start, absl::AnyInvocable<void(BootTime)> on_boot)
    : start_(start), on_boot_(std::move(on_boot)) {}

void BootTimer::Read(uint64_t /*guest_offset*/, std::span<uint8_t> data) {
  std::fill(data.begin(), data.end(), uint8_t{0});
}

void BootTimer::Write(uint64_t guest_offset, std::span<const uint8_t> guest_data) {
  if (guest_offset != 0 || guest_data.size() != 1 || guest_data[0] != kBootDone ||
      is_done_.exchange(true)) {
    return;
  }
  on_boot_(BootTime{.wall_us = MonotonicTimeUs() - start_.monotonic_us,
                    .cpu_us = ProcessCpuTimeUs() - start_.cpu_us});
}

}  // namespace mayfly
