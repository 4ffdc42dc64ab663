// The flags of the monitor.

#include "api/monitor_options.h"

#include <functional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "api/fault.h"
#include "base/flag_table.h"
#include "base/status.h"

namespace mayfly {
namespace {

using absl::string_view;

std::function<absl::Status(string_view)> SetTo(bool& target, bool value) {
  return [&target, value](string_view) {
    target = value;
    return absl::OkStatus();
  };
}

template <typename T>
std::function<absl::Status(string_view)> SetText(T& target) {
  return [&target](string_view value) {
    target = std::string(value);
    return absl::OkStatus();
  };
}

template <typename T>
std::function<absl::Status(string_view)> SetNumber(T& target) {
  return [&target](string_view value) {
    uint64_t number = 0;
    if (!absl::SimpleAtoi(value, &number)) {
      return Fault("must be a decimal number, not '", value, "'");
    }
    target = number;
    return absl::OkStatus();
  };
}

// In the order a user meets them.
std::vector<Flag> MonitorFlags(MonitorOptions& options) {
  return {
      {"--api-sock", "PATH",
       absl::StrCat("Unix socket of the API (default ", kDefaultApiSocket,
                    "); must not exist yet and stays when the monitor ends"),
       SetText(options.api_socket)},
      {"--id", "ID", "names the VM in logs and answers: 1 to 64 letters, digits and '-'",
       SetText(options.id)},
      {"--config-file", "PATH", "JSON file that configures the VM, which then starts at once",
       SetText(options.config_file)},
      {"--restore", "PATH",
       "restore a VM and let it run: a folder with the files 'state' and 'memory', or a JSON file "
       "with what PUT /snapshot/load takes",
       SetText(options.restore)},
      {"--no-api", "", "no API socket; needs --config-file or --restore",
       SetTo(options.has_api, false)},
      {"--metadata", "PATH", "JSON file with the metadata that a guest can read (MMDS)",
       SetText(options.metadata_file)},
      {"--boot-timer", "",
       "log the time from the start to the guest's writing the byte 123 to address 0xC0000000",
       SetTo(options.has_boot_timer, true)},
      {"--log-path", "PATH", "file or FIFO for the log (default standard output)",
       SetText(options.log_path)},
      {"--level", "LEVEL", "Off, Error, Warn, Info, Debug or Trace (default Info)",
       SetText(options.level)},
      {"--show-level", "", "show the level in each line of the log",
       SetTo(options.shows_level, true)},
      {"--show-log-origin", "", "show source file and line in each line of the log",
       SetTo(options.shows_log_origin, true)},
      {"--module", "PREFIX", "log only what source files whose path starts so have to say",
       SetText(options.module)},
      {"--metrics-path", "PATH", "file or FIFO for metrics, a line of JSON each minute",
       SetText(options.metrics_path)},
      {"--no-seccomp", "", "install no system call filters", SetTo(options.has_seccomp, false)},
      {"--seccomp-filter", "PATH", "filters to install in place of the built-in ones",
       SetText(options.seccomp_filter)},
      {"--http-api-max-payload-size", "BYTES",
       absl::StrCat("largest body of a request (default ", kDefaultPayloadMaxBytes, ")"),
       SetNumber(options.payload_max_bytes)},
      {"--mmds-size-limit", "BYTES", "largest metadata (default: as the largest body)",
       SetNumber(options.mmds_size_limit_bytes)},
      {"--start-time-us", "US", "when the jailer started, on CLOCK_MONOTONIC",
       SetNumber(options.start_time_us)},
      {"--start-time-cpu-us", "US", "CPU time of the monitor before it started",
       SetNumber(options.start_time_cpu_us)},
      {"--parent-cpu-time-us", "US", "CPU time of the jailer",
       SetNumber(options.parent_cpu_time_us)},
      {"--enable-pci", "", "refused: devices are on virtio-mmio", SetTo(options.enables_pci, true)},
      {"--version", "", "print the version", SetTo(options.wants_version, true)},
      {"--snapshot-version", "", "print the version of the snapshot format",
       SetTo(options.wants_snapshot_version, true)},
      {"--describe-snapshot", "PATH", "print what a snapshot's state file holds",
       SetText(options.describe_snapshot)},
      {"--help", "", "print this text", SetTo(options.wants_help, true)},
  };
}

absl::Status CheckTogether(const MonitorOptions& options) {
  if (options.restore && options.config_file) {
    return Fault("Argument 'restore' cannot be used together with argument 'config-file'.");
  }
  if (!options.has_api && !options.config_file && !options.restore) {
    return Fault("Argument 'config-file' required, but not found.");
  }
  if (!options.has_seccomp && options.seccomp_filter) {
    return Fault("Argument 'seccomp-filter' cannot be used together with argument 'no-seccomp'.");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<MonitorOptions> ParseMonitorOptions(std::span<const char* const> arguments) {
  MonitorOptions options;
  const auto take = [](const Flag& flag, string_view value) {
    const absl::Status status = flag.apply(value);
    return status.ok() ? status
                       : Fault("The argument '", absl::StripPrefix(flag.name, "--"), "' ",
                               status.message(), ".");
  };
  RETURN_IF_ERROR(FlagTable(MonitorFlags(options)).ParseLikeFirecracker(arguments, take).status());
  const bool only_asks = options.wants_help || options.wants_version ||
                         options.wants_snapshot_version || options.describe_snapshot;
  if (!only_asks) {
    RETURN_IF_ERROR(CheckTogether(options));
  }
  return options;
}

std::string MonitorHelp() {
  MonitorOptions unused;
  return absl::StrCat(
      "Usage: mayfly [OPTION]...\n"
      "       mayfly run --kernel FILE [OPTION]...\n"
      "       mayfly merge-memory --base FILE --diff FILE\n"
      "Waits on a Unix socket for a client that configures and starts a micro-VM, by\n"
      "Firecracker's HTTP API. 'mayfly run' boots one at once with its console on this terminal;\n"
      "'mayfly run --help' lists its options. 'mayfly merge-memory' puts a diff snapshot's memory\n"
      "onto that of the snapshot before.\n\n",
      FlagTable(MonitorFlags(unused)).Help(),
      "\nExit status: 0 when the guest reboots or powers off; 1 when the configuration, the host "
      "or\na file refuses something or the guest cannot go on; 148 to 157 after a fatal signal; "
      "152\nfor a wrong value and 153 for a wrong command line.\n");
}

}  // namespace mayfly
