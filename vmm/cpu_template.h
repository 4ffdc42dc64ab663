// CpuTemplate: changes that a user wants made to what a guest's CPUs are.

#ifndef MAYFLY_VMM_CPU_TEMPLATE_H_
#define MAYFLY_VMM_CPU_TEMPLATE_H_

#include <linux/kvm.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mayfly {

// The bits of `mask` are replaced by those of `value`, the others stay.
struct BitChange {
  uint64_t mask = 0;
  uint64_t value = 0;

  uint64_t Apply(uint64_t bits) const { return (bits & ~mask) | (value & mask); }
};

// A KVM capability (KVM_CAP_*) that a host must have, or need not have after all.
struct CapabilityModifier {
  uint32_t number = 0;
  bool is_required = true;
};

enum class CpuidRegister { kEax, kEbx, kEcx, kEdx };

struct CpuidModifier {
  struct Change {
    CpuidRegister name = CpuidRegister::kEax;
    BitChange bits;
  };

  uint32_t leaf = 0;
  uint32_t subleaf = 0;
  uint32_t flags = 0;  // KVM_CPUID_FLAG_*
  std::vector<Change> registers;
};

struct MsrModifier {
  uint32_t address = 0;
  BitChange bits;
};

// A plain value.
struct CpuTemplate {
  std::vector<CapabilityModifier> capabilities;
  std::vector<CpuidModifier> cpuid;
  std::vector<MsrModifier> msrs;
};

// Changes KVM's table, before NormalizeCpuid does. InvalidArgument for a leaf that it does not
// have.
absl::Status ApplyCpuidModifiers(const CpuTemplate& cpu_template,
                                 std::vector<kvm_cpuid_entry2>& entries);

// What the texts of a custom CPU template say (Firecracker's docs/cpu_templates). InvalidArgument
// says what is wrong with the text.
//
// "0x1f" or "0b101": up to 32 bits.
absl::StatusOr<uint32_t> ParseTemplateNumber(absl::string_view text);
// "0bx00_1": from the highest bit named to bit 0; x leaves a bit, as it is left when it is not
// named; underscores are ignored. `width` is 32 or 64.
absl::StatusOr<BitChange> ParseBitmap(absl::string_view text, int width);
// "eax" and so on.
absl::StatusOr<CpuidRegister> ParseCpuidRegister(absl::string_view text);
// "121", or "!121" for one that is not required.
absl::StatusOr<CapabilityModifier> ParseCapabilityModifier(absl::string_view text);

}  // namespace mayfly

#endif  // MAYFLY_VMM_CPU_TEMPLATE_H_
