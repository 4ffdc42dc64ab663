// Network cards from and to JSON.

#include "api/network_interface_config.h"

#include "absl/strings/str_format.h"
#include "api/limiter_schema.h"

namespace mayfly {

absl::StatusOr<MacAddress> DecodeMacAddress(absl::string_view text) {
  auto mac = ParseMacAddress(text);
  if (!mac.ok()) {
    return absl::InvalidArgumentError("The provided MAC address is invalid.");
  }
  return mac;
}

const JsonObject<NetworkInterfaceConfig>& NetworkInterfaceSchema() {
  static const JsonObject<NetworkInterfaceConfig> kSchema(
      "struct NetworkInterfaceConfig", UnknownFields::kDenied,
      {
          Required("iface_id", &NetworkInterfaceConfig::iface_id),
          Required("host_dev_name", &NetworkInterfaceConfig::host_dev_name),
          OptionalText("guest_mac", &NetworkInterfaceConfig::guest_mac, DecodeMacAddress),
          Optional("rx_rate_limiter", &NetworkInterfaceConfig::rx_rate_limiter,
                   RateLimiterSchema()),
          Optional("tx_rate_limiter", &NetworkInterfaceConfig::tx_rate_limiter,
                   RateLimiterSchema()),
          Optional("mtu", &NetworkInterfaceConfig::mtu),
      });
  return kSchema;
}

const JsonObject<NetworkInterfaceUpdate>& NetworkInterfaceUpdateSchema() {
  static const JsonObject<NetworkInterfaceUpdate> kSchema(
      "struct NetworkInterfaceUpdateConfig", UnknownFields::kDenied,
      {
          Required("iface_id", &NetworkInterfaceUpdate::iface_id),
          Optional("rx_rate_limiter", &NetworkInterfaceUpdate::rx_rate_limiter,
                   RateLimiterSchema()),
          Optional("tx_rate_limiter", &NetworkInterfaceUpdate::tx_rate_limiter,
                   RateLimiterSchema()),
      });
  return kSchema;
}

std::string MacAddressText(const MacAddress& mac) {
  return absl::StrFormat("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                         mac[5]);
}

nlohmann::ordered_json NetworkInterfaceToJson(const NetworkInterfaceConfig& config) {
  nlohmann::ordered_json json;
  json["iface_id"] = config.iface_id;
  json["host_dev_name"] = config.host_dev_name;
  json["guest_mac"] = config.guest_mac ? nlohmann::ordered_json(MacAddressText(*config.guest_mac))
                                       : nlohmann::ordered_json(nullptr);
  json["mtu"] = JsonOrNull(config.mtu);
  json["rx_rate_limiter"] = LimiterToJson(config.rx_rate_limiter);
  json["tx_rate_limiter"] = LimiterToJson(config.tx_rate_limiter);
  return json;
}

}  // namespace mayfly
