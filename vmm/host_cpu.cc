// Compares processors by CPUID (Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E).

#include "vmm/host_cpu.h"

#include <cpuid.h>

#include <array>
#include <cstring>

#include "absl/strings/str_format.h"

namespace mayfly {
namespace {

struct Registers {
  uint32_t eax = 0;
  uint32_t ebx = 0;
  uint32_t ecx = 0;
  uint32_t edx = 0;
};

Registers Cpuid(uint32_t function, uint32_t index) {
  Registers result;
  __cpuid_count(function, index, result.eax, result.ebx, result.ecx, result.edx);
  return result;
}

struct FeatureWord {
  uint32_t function;
  uint32_t Registers::*host;
  __u32 kvm_cpuid_entry2::*guest;
  const char* name;
  // What a guest may have without the host's help: KVM emulates it, or it describes the machine.
  uint32_t emulated;
};

constexpr FeatureWord kFeatureWords[] = {
    // DTES64, MONITOR, VMX, EIST, x2APIC, MOVBE, TSC deadline, OSXSAVE, hypervisor
    {1, &Registers::ecx, &kvm_cpuid_entry2::ecx, "leaf 1 ECX",
     1u << 2 | 1u << 3 | 1u << 5 | 1u << 7 | 1u << 21 | 1u << 22 | 1u << 24 | 1u << 27 | 1u << 31},
    // machine check, MTRR, HTT
    {1, &Registers::edx, &kvm_cpuid_entry2::edx, "leaf 1 EDX",
     1u << 7 | 1u << 12 | 1u << 14 | 1u << 28},
    // TSC_ADJUST, the two that say how FPU pointers are kept
    {7, &Registers::ebx, &kvm_cpuid_entry2::ebx, "leaf 7 EBX", 1u << 1 | 1u << 6 | 1u << 13},
    // UMIP, OSPKE, RDPID
    {7, &Registers::ecx, &kvm_cpuid_entry2::ecx, "leaf 7 ECX", 1u << 2 | 1u << 4 | 1u << 22},
};

const kvm_cpuid_entry2* Find(std::span<const kvm_cpuid_entry2> entries, uint32_t function) {
  for (const kvm_cpuid_entry2& entry : entries) {
    if (entry.function == function && entry.index == 0) {
      return &entry;
    }
  }
  return nullptr;
}

}  // namespace

namespace {

HostCpu AskCpu() {
  const Registers vendor = Cpuid(0, 0);
  std::array<char, 12> text{};
  std::memcpy(text.data(), &vendor.ebx, 4);
  std::memcpy(text.data() + 4, &vendor.edx, 4);
  std::memcpy(text.data() + 8, &vendor.ecx, 4);
  return {.vendor = std::string(text.data(), text.size()), .signature = Cpuid(1, 0).eax};
}

}  // namespace

// Asked once, as in a nested host each CPUID is a trap.
const HostCpu& ThisHostCpu() {
  static const HostCpu kHere = AskCpu();
  return kHere;
}

absl::Status CheckHostCpu(const HostCpu& origin, std::span<const kvm_cpuid_entry2> guest_cpuid) {
  const HostCpu& here = ThisHostCpu();
  if (origin.vendor != here.vendor) {
    return absl::FailedPreconditionError(
        absl::StrFormat("the snapshot was made on a processor of '%s' and this one is of '%s'",
                        origin.vendor, here.vendor));
  }
  // The same processor has the same instructions, and asking costs a trap in a nested host.
  if (origin.signature == here.signature) {
    return absl::OkStatus();
  }
  for (const FeatureWord& word : kFeatureWords) {
    const kvm_cpuid_entry2* guest = Find(guest_cpuid, word.function);
    if (guest == nullptr) {
      continue;
    }
    const uint32_t missing =
        guest->*word.guest & ~(Cpuid(word.function, 0).*word.host) & ~word.emulated;
    if (missing != 0) {
      return absl::FailedPreconditionError(absl::StrFormat(
          "the snapshot's guest uses processor features that this host lacks: CPUID "
          "%s, bits %#x",
          word.name, missing));
    }
  }
  return absl::OkStatus();
}

}  // namespace mayfly
