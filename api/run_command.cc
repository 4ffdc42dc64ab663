// The entry of `mayfly run`.

#include "api/run_command.h"

#include <cstdio>
#include <string>
#include <utility>

#include "api/exit_status.h"
#include "api/run_options.h"
#include "api/run_session.h"

namespace mayfly {

int RunCommand(std::span<const char* const> arguments, PhaseTimeline& timeline, Confine confine) {
  absl::StatusOr<RunOptions> options = ParseRunOptions(arguments);
  if (!options.ok()) {
    std::fprintf(stderr, "mayfly run: %s; see 'mayfly run --help'\n",
                 std::string(options.status().message()).c_str());
    return kExitUsage;
  }
  if (options->wants_help) {
    std::fputs(RunHelp().c_str(), stdout);
    return kExitOk;
  }
  RunSession session(*std::move(options), &timeline, std::move(confine));
  const absl::StatusOr<int> exit_status = session.Run();
  if (!exit_status.ok()) {
    std::fprintf(stderr, "mayfly: %s\n", std::string(exit_status.status().message()).c_str());
    return kExitError;
  }
  return *exit_status;
}

}  // namespace mayfly
