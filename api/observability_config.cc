// /logger and /metrics from JSON.

#include "api/observability_config.h"

#include "api/fault.h"

namespace mayfly {
namespace {

const JsonEnum<LogLevel>& LogLevelNames() {
  static const JsonEnum<LogLevel> kNames({{"Off", LogLevel::kOff},
                                          {"Trace", LogLevel::kTrace},
                                          {"Debug", LogLevel::kDebug},
                                          {"Info", LogLevel::kInfo},
                                          {"Warn", LogLevel::kWarn},
                                          {"Warning", LogLevel::kWarn},
                                          {"Error", LogLevel::kError}},
                                         NameCase::kIgnored);
  return kNames;
}

}  // namespace

const JsonObject<LoggerConfig>& LoggerSchema() {
  static const JsonObject<LoggerConfig> kSchema(
      "struct LoggerConfig", UnknownFields::kDenied,
      {
          Optional("log_path", &LoggerConfig::log_path),
          Optional("level", &LoggerConfig::level, LogLevelNames()),
          Optional("show_level", &LoggerConfig::show_level),
          Optional("show_log_origin", &LoggerConfig::show_log_origin),
          Optional("module", &LoggerConfig::module),
      });
  return kSchema;
}

const JsonObject<MetricsConfig>& MetricsSchema() {
  static const JsonObject<MetricsConfig> kSchema(
      "struct MetricsConfig", UnknownFields::kIgnored,
      {
          Required("metrics_path", &MetricsConfig::metrics_path),
          Optional("emit_id", &MetricsConfig::emit_id),
          Optional("properties", &MetricsConfig::properties),
      });
  return kSchema;
}

absl::Status ApplyLogger(const LoggerConfig& config) {
  const absl::Status status = UpdateLog({.path = config.log_path,
                                         .level = config.level,
                                         .show_level = config.show_level,
                                         .show_origin = config.show_log_origin,
                                         .module = config.module});
  return status.ok() ? status : FaultFrom(status, "Logger error: Failed to open target file: ");
}

}  // namespace mayfly
