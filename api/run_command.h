// `mayfly run`: boots one VM with its serial console on this process's standard input and output.

#ifndef MAYFLY_API_RUN_COMMAND_H_
#define MAYFLY_API_RUN_COMMAND_H_

#include <span>

#include "base/phase_timeline.h"
#include "base/thread_hooks.h"

namespace mayfly {

// Runs until the VM ends. Returns the exit status (api/exit_status.h). `arguments` come after
// "run"; `timeline` began with the process. Main thread, once per process: it takes over signals.
int RunCommand(std::span<const char* const> arguments, PhaseTimeline& timeline, Confine confine);

}  // namespace mayfly

#endif  // MAYFLY_API_RUN_COMMAND_H_
