// VmClock: the page of guest memory by which a guest learns that its clock, or the VM, is another.

#ifndef MAYFLY_VMM_VM_CLOCK_H_
#define MAYFLY_VMM_VM_CLOCK_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "base/guest_address.h"
#include "base/guest_memory.h"
#include "devices/irq_line.h"

namespace mayfly {

// What the page is made of. The page itself is the guest's to overwrite, so a copy of it is not.
struct VmClockState {
  GuestAddress address;         // a multiple of layout::kVmClockSizeBytes
  uint32_t sequence_count = 0;  // even: no update is going on
  uint64_t disruption_marker = 0;
  uint64_t generation_counter = 0;
};

// The VMClock device (Linux, include/uapi/linux/vmclock-abi.h, version 1) in its basic form: it
// tells that the CPU's counter was disrupted, and no time. Programs in the guest map the page.
// Nothing is ever read back from it. Owned by MicroVm; loop thread.
class VmClock {
 public:
  // At layout::kVmClock, in memory that is all zeros. Restore's errors.
  static absl::StatusOr<VmClock> Create(const GuestMemory& memory, IrqLine* irq);
  // With the page that was saved in memory: call Renew. InvalidArgument when an address is not
  // aligned, the page would not lie in RAM, or the count is odd. `memory` and `irq` outlive the
  // device.
  static absl::StatusOr<VmClock> Restore(const VmClockState& state, const GuestMemory& memory,
                                         IrqLine* irq);

  // Changes all three numbers, and writes the whole page. For a restored VM before its first
  // instruction; to a guest that runs it looks like one update, too.
  void Renew();
  // Tells the guest that the page is new: after Renew, and once the interrupt controllers are in
  // their state.
  void Notify() { irq_->Trigger(); }

  VmClockState State() const { return state_; }

 private:
  VmClock(const VmClockState& state, GuestSlice page, IrqLine* irq)
      : state_(state), page_(page), irq_(irq) {}

  void StoreSequenceCount();
  // All but the sequence count.
  void WriteFields();

  VmClockState state_;
  GuestSlice page_;
  IrqLine* irq_;
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_VM_CLOCK_H_
