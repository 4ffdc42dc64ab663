// BootVm: from what a client configured to a VM that runs.

#ifndef MAYFLY_API_VM_BOOT_H_
#define MAYFLY_API_VM_BOOT_H_

#include <optional>

#include "absl/status/status.h"
#include "api/machine.h"
#include "devices/boot_timer.h"

namespace mayfly {

struct BootTimerSetting {
  bool is_present = false;
  // What it counts from; now when absent.
  std::optional<BootTimer::Start> start;
};

// Loop thread. On an error, which is a fault that begins "Start microvm error: ", `machine` may be
// half made: drop it.
absl::Status BootVm(const BootTimerSetting& boot_timer, const MachineEnvironment& environment,
                    Console::Options console, MicroVm::Observer observer, Machine& machine);

}  // namespace mayfly

#endif  // MAYFLY_API_VM_BOOT_H_
