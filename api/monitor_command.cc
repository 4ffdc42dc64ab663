// The entry of the monitor.

#include "api/monitor_command.h"

#include <cstdio>
#include <string>
#include <utility>

#include "api/exit_status.h"
#include "api/monitor.h"
#include "api/monitor_options.h"
#include "api/product_version.h"

namespace mayfly {

int MonitorCommand(std::span<const char* const> arguments, PhaseTimeline& timeline) {
  absl::StatusOr<MonitorOptions> options = ParseMonitorOptions(arguments);
  if (!options.ok()) {
    std::fprintf(stderr, "Arguments parsing error: %s \n\nFor more information try --help.\n",
                 std::string(options.status().message()).c_str());
    return kExitArguments;
  }
  if (options->wants_help) {
    std::fputs(MonitorHelp().c_str(), stdout);
    return kExitOk;
  }
  if (options->wants_version) {
    std::fputs(kVersionText, stdout);
    return kExitOk;
  }
  if (options->wants_snapshot_version || options->describe_snapshot) {
    std::fputs("Error: snapshots are not supported yet\n", stderr);
    return kExitError;
  }
  return Monitor(*std::move(options), &timeline).Run();
}

}  // namespace mayfly
