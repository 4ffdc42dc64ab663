// /boot-source from and to JSON.

#include "api/boot_source_config.h"

namespace mayfly {

const JsonObject<BootSourceConfig>& BootSourceSchema() {
  static const JsonObject<BootSourceConfig> kSchema(
      "struct BootSourceConfig", UnknownFields::kDenied,
      {
          Required("kernel_image_path", &BootSourceConfig::kernel_image_path),
          Optional("initrd_path", &BootSourceConfig::initrd_path),
          Optional("boot_args", &BootSourceConfig::boot_args),
      });
  return kSchema;
}

nlohmann::ordered_json BootSourceToJson(const BootSourceConfig& config) {
  nlohmann::ordered_json json;
  json["kernel_image_path"] = config.kernel_image_path;
  json["initrd_path"] = JsonOrNull(config.initrd_path);
  json["boot_args"] = JsonOrNull(config.boot_args);
  return json;
}

}  // namespace mayfly
