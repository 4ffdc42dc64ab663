// MachineConfig: vCPUs and memory of a VM, as /machine-config sets and shows them.

#ifndef MAYFLY_API_MACHINE_CONFIG_H_
#define MAYFLY_API_MACHINE_CONFIG_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/json_decoder.h"
#include "nlohmann/json.hpp"
#include "vmm/guest_ram.h"

namespace mayfly {

// CPU templates that Firecracker has built in; Mayfly knows their names only.
enum class StaticCpuTemplate { kNone, kC3, kT2, kT2S, kT2CL, kT2A, kV1N1 };

// A plain value.
struct MachineConfig {
  uint8_t vcpu_count = 1;       // 1 to layout::kMaxVcpus
  uint64_t mem_size_mib = 128;  // any positive number; what the host can give is seen at the start
  bool smt = false;
  StaticCpuTemplate cpu_template = StaticCpuTemplate::kNone;
  bool track_dirty_pages = false;
  HugePages huge_pages = HugePages::kNone;
};

// The fields that a request has.
struct MachineConfigUpdate {
  std::optional<uint8_t> vcpu_count;
  std::optional<uint64_t> mem_size_mib;
  std::optional<bool> smt;
  std::optional<StaticCpuTemplate> cpu_template;
  std::optional<bool> track_dirty_pages;
  std::optional<HugePages> huge_pages;

  bool is_empty() const {
    return !vcpu_count && !mem_size_mib && !smt && !cpu_template && !track_dirty_pages &&
           !huge_pages;
  }
};

// PUT asks for the sizes, PATCH for nothing.
const JsonObject<MachineConfigUpdate>& PutMachineConfigSchema();
const JsonObject<MachineConfigUpdate>& PatchMachineConfigSchema();

// `base` with the update's fields in place of its own. InvalidArgument in Firecracker's words when
// that is no machine.
absl::StatusOr<MachineConfig> UpdateMachineConfig(const MachineConfig& base,
                                                  const MachineConfigUpdate& update);

nlohmann::ordered_json MachineConfigToJson(const MachineConfig& config);

}  // namespace mayfly

#endif  // MAYFLY_API_MACHINE_CONFIG_H_
