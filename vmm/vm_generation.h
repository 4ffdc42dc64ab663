// VmGeneration: the id in guest memory by which a guest learns that it runs again from a snapshot.

#ifndef MAYFLY_VMM_VM_GENERATION_H_
#define MAYFLY_VMM_VM_GENERATION_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/guest_address.h"
#include "base/guest_memory.h"
#include "devices/irq_line.h"

namespace mayfly {

// The id itself is in guest memory, and no restored VM may have it again.
struct VmGenerationState {
  GuestAddress address;  // a multiple of 8
};

// The VMGenID device ("Virtual Machine Generation ID", Microsoft, 2012): 16 random bytes that are
// never the same in two runs of one snapshot; Linux reseeds its random generator when they change.
// Nothing is ever read back from the guest. Owned by MicroVm; loop thread.
class VmGeneration {
 public:
  static constexpr size_t kIdBytes = 16;

  // At layout::kVmGenId, with an id. Restore's errors, and "getrandom: reason".
  static absl::StatusOr<VmGeneration> Create(const GuestMemory& memory, IrqLine* irq);
  // With the id that was saved in memory: call Renew. InvalidArgument when the address is not
  // aligned or the id would not lie in RAM. `memory` and `irq` outlive the device.
  static absl::StatusOr<VmGeneration> Restore(const VmGenerationState& state,
                                              const GuestMemory& memory, IrqLine* irq);

  // Writes a new id. For a restored VM before its first instruction, so that no program sees the
  // old one again. "getrandom: reason", and then the old one is still there.
  absl::Status Renew();
  // Tells the guest that the id is new: after Renew, and once the interrupt controllers are in
  // their state.
  void Notify() { irq_->Trigger(); }

  VmGenerationState State() const { return {address_}; }

 private:
  VmGeneration(GuestAddress address, GuestSlice id, IrqLine* irq)
      : address_(address), id_(id), irq_(irq) {}

  GuestAddress address_;
  GuestSlice id_;
  IrqLine* irq_;
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_VM_GENERATION_H_
