// The program without a command: Firecracker's command line.

#ifndef MAYFLY_API_MONITOR_COMMAND_H_
#define MAYFLY_API_MONITOR_COMMAND_H_

#include <span>

#include "base/phase_timeline.h"
#include "base/thread_hooks.h"

namespace mayfly {

// Runs until the monitor ends. Returns the exit status (api/exit_status.h). `arguments` come after
// the program's name; `timeline` began with the process. Main thread, once per process.
int MonitorCommand(std::span<const char* const> arguments, PhaseTimeline& timeline,
                   Confine confine);

}  // namespace mayfly

#endif  // MAYFLY_API_MONITOR_COMMAND_H_
