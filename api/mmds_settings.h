// MmdsSettings: which cards serve metadata and how, as /mmds/config sets it.

#ifndef MAYFLY_API_MMDS_SETTINGS_H_
#define MAYFLY_API_MMDS_SETTINGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "api/json_decoder.h"
#include "devices/mmds/mmds_config.h"
#include "nlohmann/json.hpp"

namespace mayfly {

// A plain value, as the user gave it.
struct MmdsSettings {
  MmdsConfig::Version version = MmdsConfig::Version::kV1;
  std::vector<std::string> network_interfaces;
  // The service's; MmdsConfig::kDefaultIpv4 when absent. 169.254.169.254 is 0xa9fea9fe.
  std::optional<uint32_t> ipv4_address;
  bool imds_compat = false;
};

const JsonObject<MmdsSettings>& MmdsSettingsSchema();

nlohmann::ordered_json MmdsSettingsToJson(const MmdsSettings& config);

// `status` of a change of the store as a fault in Firecracker's words: ResourceExhausted when the
// metadata does not fit.
absl::Status MetadataFault(const absl::Status& status);

}  // namespace mayfly

#endif  // MAYFLY_API_MMDS_SETTINGS_H_
