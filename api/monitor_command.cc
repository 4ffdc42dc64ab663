// The entry of the monitor.

#include "api/monitor_command.h"

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "api/exit_status.h"
#include "api/monitor.h"
#include "api/monitor_options.h"
#include "api/product_version.h"
#include "base/status.h"
#include "snapshot/state_codec.h"
#include "snapshot/state_file.h"
#include "snapshot/state_json.h"

namespace mayfly {
namespace {

absl::StatusOr<std::string> Describe(const std::string& path) {
  ASSIGN_OR_RETURN(const std::vector<uint8_t> file, ReadStateFile(path));
  ASSIGN_OR_RETURN(const StateVersion version, ReadStateVersion(file));
  ASSIGN_OR_RETURN(const auto payload, UnframeState(file));
  ASSIGN_OR_RETURN(const SnapshotState state, DecodeState(payload));
  return StateToJson(version, state)
      .dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

int DescribeSnapshot(const std::string& path) {
  const auto text = Describe(path);
  if (!text.ok()) {
    std::fprintf(stderr, "Error: %s: %s\n", path.c_str(),
                 std::string(text.status().message()).c_str());
    return kExitError;
  }
  std::fprintf(stdout, "%s\n", text->c_str());
  return kExitOk;
}

}  // namespace

int MonitorCommand(std::span<const char* const> arguments, PhaseTimeline& timeline,
                   Confine confine) {
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
  if (options->wants_snapshot_version) {
    std::fprintf(stdout, "v%s\n", StateVersion().Text().c_str());
    return kExitOk;
  }
  if (options->describe_snapshot) {
    return DescribeSnapshot(*options->describe_snapshot);
  }
  return Monitor(*std::move(options), &timeline, std::move(confine)).Run();
}

}  // namespace mayfly
