// Text dump of a vCPU's registers and of the instruction it stopped at.

#ifndef MAYFLY_VMM_REGISTER_DUMP_H_
#define MAYFLY_VMM_REGISTER_DUMP_H_

#include <linux/kvm.h>

#include <cstdint>
#include <span>
#include <string>

#include "base/guest_memory.h"
#include "vmm/kvm_vcpu.h"

namespace mayfly {

// General, segment and control registers in several lines.
std::string FormatRegisters(const kvm_regs& regs, const kvm_sregs& sregs);

// "48 8b 05 ..." or "(none)".
std::string FormatInstruction(std::span<const uint8_t> bytes);

// Everything known about where `vcpu` stopped. `instruction` is what KVM said of it; when empty,
// the bytes at the instruction pointer are read from guest memory. On the vCPU's thread, or after
// it ended.
std::string DumpVcpu(const KvmVcpu& vcpu, const GuestMemory& memory,
                     std::span<const uint8_t> instruction);

}  // namespace mayfly

#endif  // MAYFLY_VMM_REGISTER_DUMP_H_
