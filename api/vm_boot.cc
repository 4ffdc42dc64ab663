// The order in which a VM is started.

#include "api/vm_boot.h"

#include <utility>

#include "api/fault.h"
#include "api/start_fault.h"
#include "base/clock.h"
#include "base/status.h"

namespace mayfly {
namespace {

absl::Status Build(MicroVmConfig config, const BootSource& boot,
                   const MachineEnvironment& environment, Console::Options console,
                   MicroVm::Observer observer, Machine& machine) {
  RETURN_IF_ERROR(AddMetadataService(environment, config));
  ASSIGN_OR_RETURN(machine.console, Console::Create(environment.loop, std::move(console)));
  ASSIGN_OR_RETURN(machine.vm,
                   MicroVm::Create(config, boot, machine.console->sink(), environment.loop,
                                   std::move(observer), *environment.timeline));
  RETURN_IF_ERROR(machine.console->OpenInput(&machine.vm->serial()));
  environment.timeline->Mark("console");
  return machine.vm->Start();
}

}  // namespace

absl::Status BootVm(const BootTimerSetting& boot_timer, const MachineEnvironment& environment,
                    Console::Options console, MicroVm::Observer observer, Machine& machine) {
  if (environment.resources->machine().cpu_template != StaticCpuTemplate::kNone) {
    return Fault(
        "Start microvm error: Failed to get CPU template: The current CPU model is not permitted "
        "to apply the CPU template.");
  }
  const auto boot = environment.resources->BuildBootSource();
  if (!boot.ok()) {
    return StartFault(boot.status(), nullptr);
  }
  auto config = environment.resources->BuildVmConfig();
  if (!config.ok()) {
    return StartFault(config.status(), *boot);
  }
  config->prepared_kvm = environment.prepared_kvm;
  config->thread_hooks = environment.thread_hooks;
  config->has_boot_timer = boot_timer.is_present;
  config->boot_start = boot_timer.start.value_or(
      BootTimer::Start{.monotonic_us = MonotonicTimeUs(), .cpu_us = ProcessCpuTimeUs()});
  const absl::Status status = Build(*std::move(config), **boot, environment, std::move(console),
                                    std::move(observer), machine);
  return status.ok() ? status : StartFault(status, *boot);
}

}  // namespace mayfly
