// The mayfly program: picks the command.

#include <cstdio>
#include <span>

#include "absl/strings/string_view.h"
#include "api/exit_status.h"
#include "api/run_command.h"
#include "base/clock.h"
#include "base/phase_timeline.h"

namespace {

constexpr char kHelp[] =
    "Usage: mayfly run --kernel FILE [OPTION]...\n"
    "       mayfly --help | --version\n"
    "\n"
    "Mayfly is a micro-VM monitor for serverless sandboxes on Linux KVM.\n"
    "\n"
    "Commands:\n"
    "  run         boot a kernel with its serial console on this terminal;\n"
    "              'mayfly run --help' lists its options\n";

}  // namespace

int main(int argc, char** argv) {
  // exec and the dynamic start are over; the CPU time they took is the best that can be known of
  // them from inside.
  const int64_t cpu_before_main_us = mayfly::ProcessCpuTimeUs();
  mayfly::PhaseTimeline timeline(mayfly::MonotonicTimeUs() - cpu_before_main_us);
  timeline.Mark("exec to main (CPU time)");

  const std::span<const char* const> arguments(argv, static_cast<size_t>(argc));
  const absl::string_view command = arguments.size() > 1 ? arguments[1] : "";
  if (command == "run") {
    return mayfly::RunCommand(arguments.subspan(2), timeline);
  }
  if (command == "--version") {
    std::puts("Mayfly v" MAYFLY_VERSION);
    return mayfly::kExitOk;
  }
  if (command == "--help" || command == "-h") {
    std::fputs(kHelp, stdout);
    return mayfly::kExitOk;
  }
  if (command.empty()) {
    std::fprintf(stderr, "mayfly: no command given; see 'mayfly --help'\n");
  } else {
    std::fprintf(stderr, "mayfly: '%s' is not a command; see 'mayfly --help'\n", arguments[1]);
  }
  return mayfly::kExitUsage;
}
