// CpuConfig: a custom CPU template, as /cpu-config takes it.

#ifndef MAYFLY_API_CPU_CONFIG_H_
#define MAYFLY_API_CPU_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/json_decoder.h"
#include "nlohmann/json.hpp"
#include "vmm/cpu_template.h"

namespace mayfly {

// The texts as the user gave them, for GET /vm/config. A plain value.
struct CpuConfig {
  struct Register {
    std::string name;
    std::string bitmap;
  };
  struct Cpuid {
    std::string leaf;
    std::string subleaf;
    uint32_t flags = 0;
    std::vector<Register> modifiers;
  };
  struct Msr {
    std::string address;
    std::string bitmap;
  };

  std::vector<std::string> kvm_capabilities;
  std::vector<Cpuid> cpuid_modifiers;
  std::vector<Msr> msr_modifiers;
};

const JsonObject<CpuConfig>& CpuConfigSchema();

// InvalidArgument names the text that is wrong.
absl::StatusOr<CpuTemplate> CpuTemplateOf(const CpuConfig& config);

nlohmann::ordered_json CpuConfigToJson(const CpuConfig& config);

}  // namespace mayfly

#endif  // MAYFLY_API_CPU_CONFIG_H_
