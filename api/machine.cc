// What every machine needs.

#include "api/machine.h"

#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly {

absl::Status CheckMemoryFile(const Machine& machine) {
  struct stat now = {};
  if (machine.memory_path.empty() || fstat(machine.vm->memory().fd(), &now) != 0) {
    return absl::OkStatus();
  }
  const uint64_t ram_bytes = machine.vm->memory().size_bytes();
  if (static_cast<uint64_t>(now.st_size) >= ram_bytes) {
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat(
      "the memory file was cut off while the VM used it: it has ", now.st_size,
      " bytes, but the guest's memory has ", ram_bytes, " (", machine.memory_path, ")"));
}

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
