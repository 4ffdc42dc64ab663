// The mayfly program: picks the command.

#include <span>

#include "absl/strings/string_view.h"
#include "api/merge_command.h"
#include "api/monitor_command.h"
#include "api/run_command.h"
#include "base/clock.h"
#include "base/phase_timeline.h"
#include "base/thread_hooks.h"
#include "jailer/confinement.h"

int main(int argc, char** argv) {
  // exec and the dynamic start are over; the CPU time they took is the best that can be known of
  // them from inside.
  const int64_t cpu_before_main_us = mayfly::ProcessCpuTimeUs();
  mayfly::PhaseTimeline timeline(mayfly::MonotonicTimeUs() - cpu_before_main_us);
  timeline.Mark("exec to main (CPU time)");

  // A sanitizer's runtime makes calls of its own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  const mayfly::Confine confine;
#else
  const mayfly::Confine confine = mayfly::ConfineMonitor;
#endif

  const std::span<const char* const> arguments(argv, static_cast<size_t>(argc));
  if (arguments.size() > 1 && absl::string_view(arguments[1]) == "run") {
    return mayfly::RunCommand(arguments.subspan(2), timeline, confine);
  }
  if (arguments.size() > 1 && absl::string_view(arguments[1]) == "merge-memory") {
    return mayfly::MergeCommand(arguments.subspan(2));
  }
  return mayfly::MonitorCommand(arguments.subspan(1), timeline, confine);
}
