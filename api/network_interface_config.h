// NetworkInterfaceConfig: a network card, as /network-interfaces/{iface_id} sets and shows it.

#ifndef MAYFLY_API_NETWORK_INTERFACE_CONFIG_H_
#define MAYFLY_API_NETWORK_INTERFACE_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>

#include "api/json_decoder.h"
#include "devices/virtio/net_config.h"
#include "devices/virtio/rate_limiter.h"
#include "nlohmann/json.hpp"

namespace mayfly {

// A plain value, as the user gave it.
struct NetworkInterfaceConfig {
  std::string iface_id;
  std::string host_dev_name;
  std::optional<MacAddress> guest_mac;
  std::optional<uint16_t> mtu;
  std::optional<RateLimiterUpdate> rx_rate_limiter;
  std::optional<RateLimiterUpdate> tx_rate_limiter;
  // In place of host_dev_name: a TAP that the process was given. Not part of the JSON form; whoever
  // opens the interface takes it over.
  int tap_fd = -1;
};

// A PATCH of a running VM's network card.
struct NetworkInterfaceUpdate {
  std::string iface_id;
  std::optional<RateLimiterUpdate> rx_rate_limiter;
  std::optional<RateLimiterUpdate> tx_rate_limiter;
};

const JsonObject<NetworkInterfaceConfig>& NetworkInterfaceSchema();
const JsonObject<NetworkInterfaceUpdate>& NetworkInterfaceUpdateSchema();

// As errors of a decoder have it: InvalidArgument, "The provided MAC address is invalid."
absl::StatusOr<MacAddress> DecodeMacAddress(absl::string_view text);
// "06:00:ac:10:00:02".
std::string MacAddressText(const MacAddress& mac);

nlohmann::ordered_json NetworkInterfaceToJson(const NetworkInterfaceConfig& config);

}  // namespace mayfly

#endif  // MAYFLY_API_NETWORK_INTERFACE_CONFIG_H_
