// The state in which the boot processor enters a kernel: registers, MSRs, local APIC, descriptor
// and page tables.

#ifndef MAYFLY_VMM_BOOT_STATE_H_
#define MAYFLY_VMM_BOOT_STATE_H_

#include <linux/kvm.h>

#include <span>

#include "absl/status/status.h"
#include "base/guest_address.h"
#include "base/guest_memory.h"
#include "vmm/kernel_loader.h"

namespace mayfly {

// General registers of the boot processor: the entry in rip, the boot information in rbx (PVH) or
// rsi (Linux).
kvm_regs BootRegs(BootProtocol protocol, GuestAddress entry);

// `sregs` as KVM made it, changed to what the protocol asks for: flat segments, and for the 64-bit
// entry long mode with the page tables of WriteBootTables.
void SetBootSregs(BootProtocol protocol, kvm_sregs& sregs);

// The x87 and SSE control words of a reset CPU (Intel SDM volume 3, table 9-1).
kvm_fpu BootFpu();

// MSRs every vCPU starts with. KVM leaves most of them zero; a fixed set makes every start the
// same.
std::span<const kvm_msr_entry> BootMsrs();

// LINT0 as ExtINT and LINT1 as NMI, as firmware leaves them and the MP table says.
void SetBootLapic(kvm_lapic_state& lapic);

// The GDT and an empty IDT, and for the 64-bit entry an identity map of the first GiB in 2 MiB
// pages.
absl::Status WriteBootTables(BootProtocol protocol, const GuestMemory& memory);

}  // namespace mayfly

#endif  // MAYFLY_VMM_BOOT_STATE_H_
