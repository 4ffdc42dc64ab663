// The rules of /machine-config.

#include "api/machine_config.h"

#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

const JsonEnum<HugePages>& HugePagesNames() {
  static const JsonEnum<HugePages> kNames({{"None", HugePages::kNone},
                                           {"Transparent", HugePages::kTransparent},
                                           {"2M", HugePages::k2M}});
  return kNames;
}

const JsonEnum<StaticCpuTemplate>& CpuTemplateNames() {
  static const JsonEnum<StaticCpuTemplate> kNames({{"C3", StaticCpuTemplate::kC3},
                                                   {"T2", StaticCpuTemplate::kT2},
                                                   {"T2S", StaticCpuTemplate::kT2S},
                                                   {"T2CL", StaticCpuTemplate::kT2CL},
                                                   {"T2A", StaticCpuTemplate::kT2A},
                                                   {"V1N1", StaticCpuTemplate::kV1N1},
                                                   {"None", StaticCpuTemplate::kNone}});
  return kNames;
}

}  // namespace

const JsonObject<MachineConfigUpdate>& PutMachineConfigSchema() {
  static const JsonObject<MachineConfigUpdate> kSchema(
      "struct MachineConfig", UnknownFields::kDenied,
      {
          Required("vcpu_count", &MachineConfigUpdate::vcpu_count),
          Required("mem_size_mib", &MachineConfigUpdate::mem_size_mib, "usize"),
          Optional("smt", &MachineConfigUpdate::smt),
          Optional("cpu_template", &MachineConfigUpdate::cpu_template, CpuTemplateNames()),
          Optional("track_dirty_pages", &MachineConfigUpdate::track_dirty_pages),
          Optional("huge_pages", &MachineConfigUpdate::huge_pages, HugePagesNames()),
      });
  return kSchema;
}

const JsonObject<MachineConfigUpdate>& PatchMachineConfigSchema() {
  static const JsonObject<MachineConfigUpdate> kSchema(
      "struct MachineConfigUpdate", UnknownFields::kDenied,
      {
          Optional("vcpu_count", &MachineConfigUpdate::vcpu_count),
          Optional("mem_size_mib", &MachineConfigUpdate::mem_size_mib, "usize"),
          Optional("smt", &MachineConfigUpdate::smt),
          Optional("cpu_template", &MachineConfigUpdate::cpu_template, CpuTemplateNames()),
          Optional("track_dirty_pages", &MachineConfigUpdate::track_dirty_pages),
          Optional("huge_pages", &MachineConfigUpdate::huge_pages, HugePagesNames()),
      });
  return kSchema;
}

absl::StatusOr<MachineConfig> UpdateMachineConfig(const MachineConfig& base,
                                                  const MachineConfigUpdate& update) {
  const MachineConfig config = {
      .vcpu_count = update.vcpu_count.value_or(base.vcpu_count),
      .mem_size_mib = update.mem_size_mib.value_or(base.mem_size_mib),
      .smt = update.smt.value_or(base.smt),
      .cpu_template = update.cpu_template.value_or(base.cpu_template),
      .track_dirty_pages = update.track_dirty_pages.value_or(base.track_dirty_pages),
      .huge_pages = update.huge_pages.value_or(base.huge_pages),
  };
  if (config.vcpu_count == 0 || config.vcpu_count > layout::kMaxVcpus ||
      (config.smt && config.vcpu_count > 1 && config.vcpu_count % 2 != 0)) {
    return absl::InvalidArgumentError(
        "The number of vCPUs must be greater than 0, less than 32 and must be 1 or an even number "
        "if SMT is enabled.");
  }
  const uint64_t page_mib = config.huge_pages == HugePages::kNone ? 1 : 2;
  if (config.mem_size_mib == 0 || config.mem_size_mib % page_mib != 0) {
    return absl::InvalidArgumentError(
        "The memory size (MiB) is either 0, or not a multiple of the configured page size.");
  }
  return config;
}

nlohmann::ordered_json MachineConfigToJson(const MachineConfig& config) {
  nlohmann::ordered_json json;
  json["vcpu_count"] = config.vcpu_count;
  json["mem_size_mib"] = config.mem_size_mib;
  json["smt"] = config.smt;
  if (config.cpu_template != StaticCpuTemplate::kNone) {
    json["cpu_template"] = CpuTemplateNames().NameOf(config.cpu_template);
  }
  json["track_dirty_pages"] = config.track_dirty_pages;
  json["huge_pages"] = HugePagesNames().NameOf(config.huge_pages);
  return json;
}

}  // namespace mayfly
