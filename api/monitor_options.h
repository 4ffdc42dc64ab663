// MonitorOptions: the command line of the monitor, which is Firecracker's.

#ifndef MAYFLY_API_MONITOR_OPTIONS_H_
#define MAYFLY_API_MONITOR_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mayfly {

inline constexpr absl::string_view kDefaultApiSocket = "/run/firecracker.socket";
inline constexpr uint64_t kDefaultPayloadMaxBytes = 51200;

// A plain value.
struct MonitorOptions {
  bool wants_help = false;
  bool wants_version = false;
  bool wants_snapshot_version = false;
  std::optional<std::string> describe_snapshot;

  std::string api_socket{kDefaultApiSocket};
  std::string id = "anonymous-instance";
  std::optional<std::string> config_file;
  // A folder with the files "state" and "memory", or a JSON file as PUT /snapshot/load takes it.
  std::optional<std::string> restore;
  bool has_api = true;
  std::optional<std::string> metadata_file;
  bool has_boot_timer = false;
  bool enables_pci = false;
  uint64_t payload_max_bytes = kDefaultPayloadMaxBytes;
  // As the payload when absent.
  std::optional<uint64_t> mmds_size_limit_bytes;

  std::optional<std::string> log_path;
  std::optional<std::string> level;
  bool shows_level = false;
  bool shows_log_origin = false;
  std::optional<std::string> module;
  std::optional<std::string> metrics_path;

  bool has_seccomp = true;
  std::optional<std::string> seccomp_filter;

  // Given by a jailer: its start on CLOCK_MONOTONIC, and CPU times.
  std::optional<uint64_t> start_time_us;
  std::optional<uint64_t> start_time_cpu_us;
  std::optional<uint64_t> parent_cpu_time_us;
};

// InvalidArgument in Firecracker's words. `arguments` come after the program's name; what follows a
// "--" is ignored.
absl::StatusOr<MonitorOptions> ParseMonitorOptions(std::span<const char* const> arguments);

// The text of --help.
std::string MonitorHelp();

}  // namespace mayfly

#endif  // MAYFLY_API_MONITOR_OPTIONS_H_
