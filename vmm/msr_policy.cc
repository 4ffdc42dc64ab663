// The MSRs of Intel SDM volume 4 and AMD APM volume 2, appendix A, that a guest's state has.

#include "vmm/msr_policy.h"

#include <algorithm>
#include <array>

namespace mayfly {
namespace {

constexpr uint32_t kTscDeadline = 0x6e0;

struct MsrRange {
  uint32_t first;
  uint32_t last;
};

constexpr MsrRange kGuestStateMsrs[] = {
    {0x10, 0x10},    // TSC
    {0x1b, 0x1b},    // APIC_BASE
    {0x3a, 0x3b},    // FEATURE_CONTROL, TSC_ADJUST
    {0x48, 0x48},    // SPEC_CTRL
    {0x8b, 0x8b},    // microcode revision
    {0x9e, 0x9e},    // SMBASE
    {0xce, 0xce},    // PLATFORM_INFO
    {0xfe, 0xfe},    // MTRRcap
    {0x122, 0x122},  // TSX_CTRL
    {0x140, 0x140},  // MISC_FEATURES_ENABLES
    {0x174, 0x176},  // SYSENTER_CS, ESP, EIP
    {0x179, 0x17a},  // MCG_CAP, MCG_STATUS
    {0x1a0, 0x1a0},  // MISC_ENABLE
    {0x1c4, 0x1c5},  // XFD, XFD_ERR
    {0x1d9, 0x1d9},  // DEBUGCTL
    {0x1db, 0x1de},  // last branch and interrupt
    {0x200, 0x20f},  // variable MTRRs
    {0x250, 0x250},  // fixed MTRRs
    {0x258, 0x259},  //
    {0x268, 0x26f},  //
    {0x277, 0x277},  // PAT
    {0x2ff, 0x2ff},  // MTRRdefType
    {0x400, 0x47f},  // machine check banks
    {kTscDeadline, kTscDeadline},
    {0xda0, 0xda0},            // XSS
    {0xc0000080, 0xc0000084},  // EFER, STAR, LSTAR, CSTAR, SYSCALL_MASK
    {0xc0000100, 0xc0000103},  // FS_BASE, GS_BASE, KERNEL_GS_BASE, TSC_AUX
    {0xc0010015, 0xc0010015},  // HWCR
    {0xc001011f, 0xc001011f},  // VIRT_SPEC_CTRL
    {kFirstKvmMsr, kLastKvmMsr},
};

bool CanRead(uint32_t index, const KvmVcpu& vcpu) {
  const kvm_msr_entry wanted[] = {{.index = index}};
  return vcpu.GetMsrs(wanted).ok();
}

// Some that KVM does not list only tell the guest something of the host.
bool CanBeSetAgain(uint32_t index, const KvmVcpu& vcpu) {
  const kvm_msr_entry wanted[] = {{.index = index}};
  const auto value = vcpu.GetMsrs(wanted);
  return value.ok() && vcpu.SetMsrs(*value).ok();
}

}  // namespace

bool IsGuestStateMsr(uint32_t index) {
  return std::any_of(std::begin(kGuestStateMsrs), std::end(kGuestStateMsrs),
                     [&](const MsrRange& one) { return one.first <= index && index <= one.last; });
}

std::vector<uint32_t> FindGuestStateMsrs(std::span<const uint32_t> listed, const KvmVcpu& vcpu) {
  std::vector<uint32_t> found;
  bool has_deadline = false;
  for (const uint32_t index : listed) {
    if (!IsGuestStateMsr(index) || !CanRead(index, vcpu)) {
      continue;
    }
    if (index == kTscDeadline) {
      has_deadline = true;
    } else {
      found.push_back(index);
    }
  }
  for (uint32_t index = kFirstKvmMsr; index <= kLastKvmMsr; ++index) {
    if (std::find(listed.begin(), listed.end(), index) == listed.end() &&
        CanBeSetAgain(index, vcpu)) {
      found.push_back(index);
    }
  }
  if (has_deadline) {
    found.push_back(kTscDeadline);
  }
  return found;
}

}  // namespace mayfly
