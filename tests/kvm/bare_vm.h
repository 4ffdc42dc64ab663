// BareVm: the smallest VM that runs a test guest, for tests of the KVM wrappers.

#ifndef MAYFLY_TESTS_KVM_BARE_VM_H_
#define MAYFLY_TESTS_KVM_BARE_VM_H_

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "absl/status/statusor.h"
#include "base/guest_memory.h"
#include "base/status.h"
#include "gtest/gtest.h"
#include "vmm/boot_state.h"
#include "vmm/guest_layout.h"
#include "vmm/guest_ram.h"
#include "vmm/kvm_system.h"
#include "vmm/kvm_vcpu.h"
#include "vmm/kvm_vm.h"

// Ends the test as skipped, with the reason, on a host whose KVM cannot be used.
#define SKIP_WITHOUT_KVM()                                       \
  if (const auto kvm = ::mayfly::KvmSystem::Open(); !kvm.ok()) { \
    GTEST_SKIP() << "needs KVM: " << kvm.status().message();     \
  }

namespace mayfly {

// 4 MiB of RAM, one vCPU in long mode at the first byte of a guest at 1 MiB.
class BareVm {
 public:
  enum class Irqchip { kNone, kInKernel };

  static constexpr uint64_t kRamBytes = uint64_t{4} << 20;

  static absl::StatusOr<std::unique_ptr<BareVm>> Create(std::span<const uint8_t> guest,
                                                        Irqchip irqchip, uint32_t slot_flags = 0) {
    ASSIGN_OR_RETURN(const KvmSystem kvm, KvmSystem::Open());
    ASSIGN_OR_RETURN(GuestMemory memory, CreateGuestRam({.size_bytes = kRamBytes}));
    ASSIGN_OR_RETURN(KvmVm vm, kvm.CreateVm());
    RETURN_IF_ERROR(vm.SetUserMemoryRegion({.slot = 0,
                                            .start = GuestAddress(0),
                                            .size_bytes = kRamBytes,
                                            .host_memory = memory.regions()[0].mapping.data(),
                                            .flags = slot_flags}));
    RETURN_IF_ERROR(vm.SetTssAddr(layout::kTss));
    if (irqchip == Irqchip::kInKernel) {
      RETURN_IF_ERROR(vm.CreateIrqchip());
    }
    RETURN_IF_ERROR(memory.Write(layout::kHighRam, guest));
    RETURN_IF_ERROR(WriteBootTables(BootProtocol::kLinux64, memory));
    ASSIGN_OR_RETURN(const size_t run_page_bytes, kvm.GetVcpuMmapSize());
    ASSIGN_OR_RETURN(KvmVcpu vcpu, vm.CreateVcpu(0, run_page_bytes));
    ASSIGN_OR_RETURN(const auto cpuid, kvm.GetSupportedCpuid());
    RETURN_IF_ERROR(vcpu.SetCpuid2(cpuid));
    ASSIGN_OR_RETURN(kvm_sregs sregs, vcpu.GetSregs());
    SetBootSregs(BootProtocol::kLinux64, sregs);
    RETURN_IF_ERROR(vcpu.SetSregs(sregs));
    RETURN_IF_ERROR(vcpu.SetRegs(BootRegs(BootProtocol::kLinux64, layout::kHighRam)));
    return std::unique_ptr<BareVm>(new BareVm(std::move(memory), std::move(vm), std::move(vcpu)));
  }

  const GuestMemory memory;
  const KvmVm vm;
  KvmVcpu vcpu;

 private:
  BareVm(GuestMemory memory_in, KvmVm vm_in, KvmVcpu vcpu_in)
      : memory(std::move(memory_in)), vm(std::move(vm_in)), vcpu(std::move(vcpu_in)) {}
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_KVM_BARE_VM_H_
