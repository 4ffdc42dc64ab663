// What every machine needs.

#include "api/machine.h"

#include <algorithm>
#include <optional>

#include "base/status.h"

namespace mayfly {

absl::Status AddMetadataService(const MachineEnvironment& environment, MicroVmConfig& config) {
  const std::optional<MmdsSettings>& settings = environment.resources->mmds();
  if (!settings) {
    return absl::OkStatus();
  }
  Mmds* const mmds = environment.mmds;
  RETURN_IF_ERROR(
      mmds->Configure({.version = settings->version,
                       .ipv4 = settings->ipv4_address.value_or(MmdsConfig::kDefaultIpv4),
                       .is_imds_compatible = settings->imds_compat}));
  for (NetworkConfig& network : config.networks) {
    const auto& ids = settings->network_interfaces;
    if (std::find(ids.begin(), ids.end(), network.name) != ids.end()) {
      network.make_detour = [mmds, loop = environment.loop] { return mmds->MakeDetour(loop); };
    }
  }
  return absl::OkStatus();
}

}  // namespace mayfly
