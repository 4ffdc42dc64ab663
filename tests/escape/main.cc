// mayfly_escape: the monitor with an intruder inside; for tests/escape/escape_test.py.

#include <cstring>
#include <span>

#include "api/monitor_command.h"
#include "base/clock.h"
#include "base/phase_timeline.h"
#include "jailer/confinement.h"
#include "tests/escape/escape_routine.h"

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--escapes") == 0) {
    mayfly::PrintEscapes();
    return 0;
  }
  // What follows a "--" the monitor ignores.
  mayfly::PrepareEscape(argv[argc - 1]);
  mayfly::PhaseTimeline timeline(mayfly::MonotonicTimeUs());
  const std::span<const char* const> arguments(argv, static_cast<size_t>(argc));
  return mayfly::MonitorCommand(arguments.subspan(1), timeline, mayfly::ConfineMonitor);
}
