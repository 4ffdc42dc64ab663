// MachineState: what KVM holds of a machine besides its vCPUs, as a snapshot keeps it.

#ifndef MAYFLY_VMM_MACHINE_STATE_H_
#define MAYFLY_VMM_MACHINE_STATE_H_

#include <linux/kvm.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vmm/kvm_vm.h"

namespace mayfly {

// What becomes of the guest's clock (KVM's paravirtual one) while it does not exist.
enum class RestoredClock {
  kContinues,  // it goes on where it stood: the guest's wall clock is late by the time in between
  kRealTime,   // it jumps by the time that has passed
};

// A plain value; KVM checks what is in it as it is set.
struct MachineState {
  kvm_pit_state2 pit = {};
  kvm_clock_data clock = {};
  kvm_irqchip pic_master = {};
  kvm_irqchip pic_slave = {};
  kvm_irqchip ioapic = {};
};

// While no vCPU runs.
absl::StatusOr<MachineState> SaveMachine(const KvmVm& vm);
// After the vCPUs' state. FailedPrecondition when kRealTime is wanted and the host that saved the
// state could not tell the real time (Linux before 5.16).
absl::Status RestoreMachine(const MachineState& state, RestoredClock clock, const KvmVm& vm);

}  // namespace mayfly

#endif  // MAYFLY_VMM_MACHINE_STATE_H_
