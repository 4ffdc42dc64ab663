// LoggerConfig and MetricsConfig: what /logger and /metrics set.

#ifndef MAYFLY_API_OBSERVABILITY_CONFIG_H_
#define MAYFLY_API_OBSERVABILITY_CONFIG_H_

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "api/json_decoder.h"
#include "base/log.h"

namespace mayfly {

// Plain values, as the user gave them. What a request for the logger leaves out stays as it was,
// but the level, which is Info then.
struct LoggerConfig {
  std::optional<std::string> log_path;
  std::optional<LogLevel> level;
  std::optional<bool> show_level;
  std::optional<bool> show_log_origin;
  // Only messages of sources whose path starts so.
  std::optional<std::string> module;
};

struct MetricsConfig {
  std::string metrics_path;
  bool emit_id = false;
  std::map<std::string, std::string> properties;
};

const JsonObject<LoggerConfig>& LoggerSchema();
const JsonObject<MetricsConfig>& MetricsSchema();

// Makes the log what is asked for. A fault in Firecracker's words when its file cannot be opened.
absl::Status ApplyLogger(const LoggerConfig& config);

}  // namespace mayfly

#endif  // MAYFLY_API_OBSERVABILITY_CONFIG_H_
