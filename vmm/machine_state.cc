// Reads and writes the timer, the clock and the interrupt controllers.

#include "vmm/machine_state.h"

#include "base/status.h"

namespace mayfly {
namespace {

// The chip's number is ours: the file's might name another.
absl::Status RestoreChip(kvm_irqchip chip, uint32_t chip_id, const KvmVm& vm) {
  chip.chip_id = chip_id;
  return vm.SetIrqchip(chip);
}

}  // namespace

absl::StatusOr<MachineState> SaveMachine(const KvmVm& vm) {
  MachineState state;
  ASSIGN_OR_RETURN(state.pit, vm.GetPit2());
  ASSIGN_OR_RETURN(state.clock, vm.GetClock());
  ASSIGN_OR_RETURN(state.pic_master, vm.GetIrqchip(KVM_IRQCHIP_PIC_MASTER));
  ASSIGN_OR_RETURN(state.pic_slave, vm.GetIrqchip(KVM_IRQCHIP_PIC_SLAVE));
  ASSIGN_OR_RETURN(state.ioapic, vm.GetIrqchip(KVM_IRQCHIP_IOAPIC));
  return state;
}

absl::Status RestoreMachine(const MachineState& state, RestoredClock clock, const KvmVm& vm) {
  RETURN_IF_ERROR(vm.SetPit2(state.pit));
  kvm_clock_data data = {.clock = state.clock.clock};
  if (clock == RestoredClock::kRealTime) {
    if ((state.clock.flags & KVM_CLOCK_REALTIME) == 0) {
      return absl::FailedPreconditionError(
          "clock_realtime requested but not present in the snapshot state");
    }
    data.flags = KVM_CLOCK_REALTIME;
    data.realtime = state.clock.realtime;
  }
  RETURN_IF_ERROR(vm.SetClock(data));
  RETURN_IF_ERROR(RestoreChip(state.pic_master, KVM_IRQCHIP_PIC_MASTER, vm));
  RETURN_IF_ERROR(RestoreChip(state.pic_slave, KVM_IRQCHIP_PIC_SLAVE, vm));
  return RestoreChip(state.ioapic, KVM_IRQCHIP_IOAPIC, vm);
}

}  // namespace mayfly
