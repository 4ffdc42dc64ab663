// Reads configuration files.

#include "api/config_file.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/json_decoder.h"
#include "api/json_value.h"
#include "api/text_file.h"
#include "base/status.h"

namespace mayfly {
namespace {

// Keys of devices that Mayfly has not: null or empty is fine.
struct ConfigDocument {
  std::vector<DriveConfig> drives;
  BootSourceConfig boot_source;
  std::optional<CpuConfig> cpu_config;
  std::optional<LoggerConfig> logger;
  std::optional<MachineConfigUpdate> machine_config;
  std::optional<MetricsConfig> metrics;
  std::optional<MmdsSettings> mmds_config;
  std::vector<NetworkInterfaceConfig> network_interfaces;
  std::optional<JsonValue> balloon;
  std::optional<JsonValue> vsock;
  std::optional<JsonValue> entropy;
  std::optional<JsonValue> pmem;
  std::optional<JsonValue> memory_hotplug;
};

// A template itself, or the path of a file that has it.
absl::Status DecodeCpuConfig(const JsonCursor& cursor, ConfigDocument& document) {
  CpuConfig& config = document.cpu_config.emplace();
  if (!cursor.value.is_string()) {
    return CpuConfigSchema().Decode(cursor, config);
  }
  ASSIGN_OR_RETURN(const std::string text, ReadTextFile(cursor.value.text));
  auto decoded = DecodeJson(text, CpuConfigSchema());
  if (!decoded.ok()) {
    return Annotate(decoded.status(), cursor.value.text);
  }
  config = *std::move(decoded);
  return absl::OkStatus();
}

const JsonObject<ConfigDocument>& DocumentSchema() {
  using Document = ConfigDocument;
  static const JsonObject<Document> kSchema(
      "struct VmmConfig", UnknownFields::kIgnored,
      {
          Optional("balloon", &Document::balloon),
          RequiredList("drives", &Document::drives, DriveSchema()),
          Required("boot-source", &Document::boot_source, BootSourceSchema()),
          MakeOptional(JsonField<Document>{"cpu-config", false, DecodeCpuConfig}),
          Optional("logger", &Document::logger, LoggerSchema()),
          Optional("machine-config", &Document::machine_config, PutMachineConfigSchema()),
          Optional("metrics", &Document::metrics, MetricsSchema()),
          Optional("mmds-config", &Document::mmds_config, MmdsSettingsSchema()),
          OptionalList("network-interfaces", &Document::network_interfaces,
                       NetworkInterfaceSchema()),
          Optional("vsock", &Document::vsock),
          Optional("entropy", &Document::entropy),
          Optional("pmem", &Document::pmem),
          Optional("memory-hotplug", &Document::memory_hotplug),
      });
  return kSchema;
}

absl::Status CheckAbsentDevices(const ConfigDocument& document) {
  struct Absent {
    const std::optional<JsonValue>& value;
    absl::string_view device;
  };
  for (const Absent& one :
       {Absent{document.balloon, "virtio-balloon"}, Absent{document.vsock, "virtio-vsock"},
        Absent{document.entropy, "virtio-rng"}, Absent{document.pmem, "virtio-pmem"},
        Absent{document.memory_hotplug, "virtio-mem"}}) {
    if (one.value && !one.value->is_empty_array()) {
      return absl::InvalidArgumentError(
          absl::StrCat("The requested operation is not supported: ", one.device, " device."));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<ApiRequest>> ParseConfigFile(absl::string_view json) {
  ASSIGN_OR_RETURN(ConfigDocument document, DecodeJson(json, DocumentSchema()));
  RETURN_IF_ERROR(CheckAbsentDevices(document));
  std::vector<ApiRequest> requests;
  if (document.logger) {
    requests.emplace_back(PutLogger{*std::move(document.logger)});
  }
  if (document.metrics) {
    requests.emplace_back(PutMetrics{*std::move(document.metrics)});
  }
  if (document.machine_config) {
    requests.emplace_back(PutMachineConfig{*document.machine_config});
  }
  if (document.cpu_config) {
    requests.emplace_back(PutCpuConfig{*std::move(document.cpu_config)});
  }
  requests.emplace_back(PutBootSource{std::move(document.boot_source)});
  for (DriveConfig& drive : document.drives) {
    requests.emplace_back(PutDrive{std::move(drive)});
  }
  for (NetworkInterfaceConfig& network : document.network_interfaces) {
    requests.emplace_back(PutNetworkInterface{std::move(network)});
  }
  if (document.mmds_config) {
    requests.emplace_back(PutMmdsConfig{*std::move(document.mmds_config)});
  }
  return requests;
}

}  // namespace mayfly
