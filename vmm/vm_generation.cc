// Writes generation ids.

#include "vmm/vm_generation.h"

#include <sys/random.h>

#include <array>
#include <cstdint>

#include "absl/strings/str_format.h"
#include "base/status.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

constexpr uint64_t kAlignmentBytes = 8;

}  // namespace

absl::StatusOr<VmGeneration> VmGeneration::Create(const GuestMemory& memory, IrqLine* irq) {
  ASSIGN_OR_RETURN(VmGeneration generation, Restore({layout::kVmGenId}, memory, irq));
  RETURN_IF_ERROR(generation.Renew());
  return generation;
}

absl::StatusOr<VmGeneration> VmGeneration::Restore(const VmGenerationState& state,
                                                   const GuestMemory& memory, IrqLine* irq) {
  if (state.address.value() % kAlignmentBytes != 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the VM generation id at %#x is not aligned", state.address.value()));
  }
  const auto id = memory.Resolve({state.address, kIdBytes});
  if (!id.ok()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("VM generation id: %s", id.status().message()));
  }
  return VmGeneration(state.address, *id, irq);
}

absl::Status VmGeneration::Renew() {
  std::array<uint8_t, kIdBytes> id;
  // So few bytes come whole or not at all (getrandom(2)).
  if (getrandom(id.data(), id.size(), 0) < 0) {
    return ErrnoError("getrandom");
  }
  id_.CopyFrom(id);
  return absl::OkStatus();
}

}  // namespace mayfly
