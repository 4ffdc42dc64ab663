// BootSourceConfig: what /boot-source says a VM boots.

#ifndef MAYFLY_API_BOOT_SOURCE_CONFIG_H_
#define MAYFLY_API_BOOT_SOURCE_CONFIG_H_

#include <optional>
#include <string>

#include "api/json_decoder.h"
#include "nlohmann/json.hpp"

namespace mayfly {

// As the user gave it. A plain value.
struct BootSourceConfig {
  std::string kernel_image_path;
  std::optional<std::string> initrd_path;
  // In place of kDefaultKernelCommandLine.
  std::optional<std::string> boot_args;
};

const JsonObject<BootSourceConfig>& BootSourceSchema();

nlohmann::ordered_json BootSourceToJson(const BootSourceConfig& config);

}  // namespace mayfly

#endif  // MAYFLY_API_BOOT_SOURCE_CONFIG_H_
