// Rewrites the CPUID leaves in which a guest must not see the host.
//
// Leaf and field names are those of Intel's SDM, volume 2A, "CPUID", and of AMD's APM, volume 3,
// appendix E.

#include "vmm/cpuid_policy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

using Entry = kvm_cpuid_entry2;

// Guests see all vCPUs as one package of up to this many logical processors: the width, in bits, of
// the part of an APIC id that tells processors of a package apart.
constexpr uint32_t kPackageShift = 5;
static_assert(layout::kMaxVcpus == 1 << kPackageShift);

// Leaf 1.
constexpr uint32_t kLeaf1EcxVmx = 1u << 5;
constexpr uint32_t kLeaf1EcxPdcm = 1u << 15;
constexpr uint32_t kLeaf1EcxTscDeadline = 1u << 24;
constexpr uint32_t kLeaf1EcxHypervisor = 1u << 31;
constexpr uint32_t kLeaf1EdxHtt = 1u << 28;
constexpr uint32_t kClflushLineQuadwords = 8;
// Leaf 6.
constexpr uint32_t kLeaf6EaxTurbo = 1u << 1;
constexpr uint32_t kLeaf6EcxEnergyBias = 1u << 3;
// Leaf 7, subleaf 0.
constexpr uint32_t kLeaf7EbxFdpExceptionOnly = 1u << 6;
constexpr uint32_t kLeaf7EbxDeprecateFpuSelectors = 1u << 13;
constexpr uint32_t kLeaf7EcxWaitpkg = 1u << 5;
constexpr uint32_t kLeaf7EdxArchCapabilities = 1u << 29;
// Leaf 0x80000001.
constexpr uint32_t kExtendedEcxSvm = 1u << 2;
constexpr uint32_t kExtendedEcxTopology = 1u << 22;

constexpr uint32_t kCacheTypeMask = 0x1f;

// The frequency of KVM's local APIC timer, which leaf 0x15 calls the crystal (APIC_BUS_CYCLE_NS of
// arch/x86/kvm/lapic.h is 1).
constexpr uint32_t kApicTimerHz = 1'000'000'000;
constexpr uint32_t kApicTimerKhz = kApicTimerHz / 1000;

enum class Vendor { kIntel, kAmd, kOther };

// A KVM table, looked up by leaf and subleaf.
class Leaves {
 public:
  explicit Leaves(std::vector<Entry>& entries) : entries_(entries) {}

  // Null where there is none.
  Entry* Find(uint32_t function, uint32_t index = 0) {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
      return entry.function == function && entry.index == index;
    });
    return found == entries_.end() ? nullptr : &*found;
  }

  // All subleaves of the leaf, in place of what was there.
  void Replace(uint32_t function, std::span<const Entry> subleaves) {
    std::erase_if(entries_, [&](const Entry& entry) { return entry.function == function; });
    for (Entry entry : subleaves) {
      entry.function = function;
      entries_.push_back(entry);
    }
  }

  void Clear(uint32_t function) {
    for (Entry& entry : entries_) {
      if (entry.function == function) {
        entry.eax = entry.ebx = entry.ecx = entry.edx = 0;
      }
    }
  }

  std::span<Entry> all() { return entries_; }

 private:
  std::vector<Entry>& entries_;
};

uint32_t SetBit(uint32_t value, uint32_t bit, bool on) { return on ? value | bit : value & ~bit; }

// `value` with bits [low, low + width) replaced by `field`.
uint32_t SetField(uint32_t value, uint32_t low, uint32_t width, uint32_t field) {
  const uint32_t mask = ((1u << width) - 1) << low;
  return (value & ~mask) | ((field << low) & mask);
}

uint32_t ThreadsPerCore(const CpuidConfig& config) { return config.smt ? 2 : 1; }

Vendor VendorOf(const Entry& leaf0) {
  std::array<char, 12> name;
  std::memcpy(name.data(), &leaf0.ebx, 4);
  std::memcpy(name.data() + 4, &leaf0.edx, 4);
  std::memcpy(name.data() + 8, &leaf0.ecx, 4);
  const absl::string_view text(name.data(), name.size());
  if (text == "GenuineIntel") {
    return Vendor::kIntel;
  }
  return text == "AuthenticAMD" ? Vendor::kAmd : Vendor::kOther;
}

void NormalizeLeaf1(const CpuidConfig& config, Entry& leaf1) {
  leaf1.ebx = SetField(leaf1.ebx, 8, 8, kClflushLineQuadwords);
  leaf1.ebx = SetField(leaf1.ebx, 16, 8, std::bit_ceil(config.vcpu_count));
  leaf1.ecx &= ~(kLeaf1EcxVmx | kLeaf1EcxPdcm);
  leaf1.ecx |= kLeaf1EcxTscDeadline | kLeaf1EcxHypervisor;
  leaf1.edx = SetBit(leaf1.edx, kLeaf1EdxHtt, config.vcpu_count > 1);
}

// Leaf 0xB and, where the host has it, 0x1F: threads, cores, end of list.
void RebuildExtendedTopology(const CpuidConfig& config, Leaves& leaves) {
  constexpr uint32_t kThreadLevel = 1;
  constexpr uint32_t kCoreLevel = 2;
  const uint32_t threads = ThreadsPerCore(config);
  const std::array<Entry, 3> subleaves = {
      Entry{.index = 0,
            .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
            .eax = threads - 1,  // a shift: 1 tells two threads apart
            .ebx = threads,
            .ecx = kThreadLevel << 8},
      Entry{.index = 1,
            .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
            .eax = kPackageShift,
            .ebx = config.vcpu_count,
            .ecx = kCoreLevel << 8 | 1},
      Entry{.index = 2, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .ecx = 2},
  };
  for (const uint32_t function : {0xbu, 0x1fu}) {
    if (leaves.Find(function) != nullptr) {
      leaves.Replace(function, subleaves);
    }
  }
}

// Leaf 4 of Intel and 0x8000001D of AMD share the fields that change: caches of levels 1 and 2
// belong to a core, the last one to all.
void NormalizeCacheSharing(const CpuidConfig& config, uint32_t function, Leaves& leaves) {
  for (Entry& entry : leaves.all()) {
    if (entry.function != function || (entry.eax & kCacheTypeMask) == 0) {
      continue;
    }
    const uint32_t level = entry.eax >> 5 & 0x7;
    const uint32_t sharing = level < 3 ? ThreadsPerCore(config) : config.vcpu_count;
    entry.eax = SetField(entry.eax, 14, 12, std::bit_ceil(sharing) - 1);
  }
}

// Leaf 4 also counts the cores of the package.
void SetCoreCount(const CpuidConfig& config, Leaves& leaves) {
  const uint32_t cores = std::max(config.vcpu_count / ThreadsPerCore(config), 1u);
  for (Entry& entry : leaves.all()) {
    if (entry.function == 4 && (entry.eax & kCacheTypeMask) != 0) {
      entry.eax = SetField(entry.eax, 26, 6, std::bit_ceil(cores) - 1);
    }
  }
}

// The brand string: 48 bytes, NUL-padded, in three leaves.
void SetBrand(absl::string_view text, Leaves& leaves) {
  std::array<uint32_t, 12> words{};
  std::memcpy(words.data(), text.data(), std::min(text.size(), sizeof(words) - 1));
  for (uint32_t i = 0; i < 3; ++i) {
    if (Entry* entry = leaves.Find(0x80000002 + i); entry != nullptr) {
      const size_t first = size_t{4} * i;
      entry->eax = words[first];
      entry->ebx = words[first + 1];
      entry->ecx = words[first + 2];
      entry->edx = words[first + 3];
    }
  }
}

// Numerator and denominator of leaf 0x15: the TSC's frequency over the crystal's.
struct Ratio {
  uint32_t numerator = 0;
  uint32_t denominator = 1;
};

// Whether the ratio is right to one part in a million.
bool IsCloseTo(uint32_t tsc_khz, const Ratio& ratio) {
  const uint64_t wanted = uint64_t{tsc_khz} * ratio.denominator;
  const uint64_t given = uint64_t{kApicTimerKhz} * ratio.numerator;
  const uint64_t error = wanted > given ? wanted - given : given - wanted;
  return error <= wanted / 1'000'000;
}

// Linux multiplies the crystal's kHz by the numerator in 32 bits (native_calibrate_tsc), so most
// exact ratios would overflow there. This is the last continued-fraction convergent with a
// numerator that does not; nothing when it is not close enough, because guests trust the leaf and
// never correct it.
std::optional<Ratio> TscRatio(uint32_t tsc_khz) {
  constexpr uint64_t kMaxNumerator = UINT32_MAX / kApicTimerKhz;
  uint64_t dividend = tsc_khz;
  uint64_t divisor = kApicTimerKhz;
  Ratio previous = {.numerator = 0, .denominator = 1};
  Ratio current = {.numerator = 1, .denominator = 0};
  while (divisor != 0) {
    const uint64_t quotient = dividend / divisor;
    const uint64_t numerator = quotient * current.numerator + previous.numerator;
    const uint64_t denominator = quotient * current.denominator + previous.denominator;
    if (numerator > kMaxNumerator) {
      break;
    }
    previous = current;
    current = {.numerator = static_cast<uint32_t>(numerator),
               .denominator = static_cast<uint32_t>(denominator)};
    dividend = std::exchange(divisor, dividend % divisor);
  }
  return IsCloseTo(tsc_khz, current) ? std::optional(current) : std::nullopt;
}

void SetFrequencies(uint32_t tsc_khz, Leaves& leaves) {
  Entry* tsc = leaves.Find(0x15);
  const std::optional<Ratio> ratio = TscRatio(tsc_khz);
  if (tsc == nullptr || !ratio) {
    return;
  }
  tsc->eax = ratio->denominator;
  tsc->ebx = ratio->numerator;
  tsc->ecx = kApicTimerHz;
  tsc->edx = 0;
  if (Entry* processor = leaves.Find(0x16); processor != nullptr) {
    constexpr uint32_t kBusMhz = 100;
    processor->eax = (tsc_khz + 500) / 1000;  // base
    processor->ebx = processor->eax;          // maximum
    processor->ecx = kBusMhz;
    processor->edx = 0;
  }
}

void NormalizeIntel(const CpuidConfig& config, Leaves& leaves) {
  NormalizeCacheSharing(config, 4, leaves);
  SetCoreCount(config, leaves);
  if (Entry* power = leaves.Find(6); power != nullptr) {
    power->eax &= ~kLeaf6EaxTurbo;
    power->ecx &= ~kLeaf6EcxEnergyBias;
  }
  if (Entry* features = leaves.Find(7); features != nullptr) {
    features->ebx |= kLeaf7EbxFdpExceptionOnly | kLeaf7EbxDeprecateFpuSelectors;
    features->ecx &= ~kLeaf7EcxWaitpkg;
  }
  if (config.tsc_khz == 0) {
    SetBrand("Intel(R) Xeon(R) Processor", leaves);
    return;
  }
  SetFrequencies(config.tsc_khz, leaves);
  const uint32_t hundredths_ghz = (config.tsc_khz + 5000) / 10000;
  SetBrand(absl::StrFormat("Intel(R) Xeon(R) Processor @ %u.%02uGHz", hundredths_ghz / 100,
                           hundredths_ghz % 100),
           leaves);
}

void NormalizeAmd(const CpuidConfig& config, Leaves& leaves) {
  if (Entry* features = leaves.Find(7); features != nullptr) {
    features->edx &= ~kLeaf7EdxArchCapabilities;
  }
  if (Entry* size = leaves.Find(0x80000008); size != nullptr) {
    size->ecx = SetField(size->ecx, 0, 8, config.vcpu_count - 1);
    size->ecx = SetField(size->ecx, 12, 4, kPackageShift);
  }
  NormalizeCacheSharing(config, 0x8000001d, leaves);
  Entry* extended = leaves.Find(0x80000001);
  Entry* topology = leaves.Find(0x8000001e);
  if (extended != nullptr && topology != nullptr) {
    extended->ecx |= kExtendedEcxTopology;
    topology->ebx = (ThreadsPerCore(config) - 1) << 8;
    topology->ecx = 0;  // one node
    topology->edx = 0;
  }
  SetBrand("AMD EPYC", leaves);
}

}  // namespace

absl::Status NormalizeCpuid(const CpuidConfig& config, std::vector<kvm_cpuid_entry2>& entries) {
  if (config.vcpu_count == 0 || config.vcpu_count > layout::kMaxVcpus) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%u vCPUs; 1 to %u are possible", config.vcpu_count, layout::kMaxVcpus));
  }
  Leaves leaves(entries);
  if (leaves.Find(0) == nullptr || leaves.Find(1) == nullptr) {
    return absl::InvalidArgumentError("KVM's CPUID table has no leaf 0 or 1");
  }
  NormalizeLeaf1(config, *leaves.Find(1));
  leaves.Clear(0xa);         // performance counters
  leaves.Clear(0x8000000a);  // SVM
  if (Entry* extended = leaves.Find(0x80000001); extended != nullptr) {
    extended->ecx &= ~kExtendedEcxSvm;
  }
  RebuildExtendedTopology(config, leaves);
  switch (VendorOf(*leaves.Find(0))) {
    case Vendor::kIntel:
      NormalizeIntel(config, leaves);
      break;
    case Vendor::kAmd:
      NormalizeAmd(config, leaves);
      break;
    case Vendor::kOther:
      break;
  }
  SetCpuidApicId(0, entries);
  return absl::OkStatus();
}

void SetCpuidApicId(uint32_t vcpu_index, std::span<kvm_cpuid_entry2> entries) {
  for (Entry& entry : entries) {
    switch (entry.function) {
      case 0x1:
        entry.ebx = SetField(entry.ebx, 24, 8, vcpu_index);
        break;
      case 0xb:
      case 0x1f:
        entry.edx = vcpu_index;
        break;
      case 0x8000001e: {
        const uint32_t threads_per_core = (entry.ebx >> 8 & 0xff) + 1;
        entry.eax = vcpu_index;
        entry.ebx = SetField(entry.ebx, 0, 8, vcpu_index / threads_per_core);
        break;
      }
      default:
        break;
    }
  }
}

}  // namespace mayfly
