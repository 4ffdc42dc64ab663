// Writes VMClock's page.

#include "vmm/vm_clock.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

// There is no time in the page. Were the counter named, Linux would register a PTP clock all the
// same, and it would say 1970.
constexpr uint8_t kCounterInvalid = 0xff;
constexpr uint8_t kTimeUtc = 0;
constexpr uint8_t kStatusUnknown = 0;
constexpr uint64_t kFlagGenerationCounterPresent = 1 << 8;
constexpr uint64_t kFlagNotificationPresent = 1 << 9;

// struct vmclock_abi up to the sequence count.
struct VmClockHeader {
  std::array<char, 4> magic = {'V', 'C', 'L', 'K'};
  uint32_t size_bytes = layout::kVmClockSizeBytes;
  uint16_t version = 1;
  uint8_t counter_id = kCounterInvalid;
  uint8_t time_type = kTimeUtc;
};
static_assert(sizeof(VmClockHeader) == 12 && GuestCopyable<VmClockHeader>);

constexpr size_t kSequenceCountOffset = sizeof(VmClockHeader);

// What follows the count.
struct VmClockBody {
  uint64_t disruption_marker = 0;
  uint64_t flags = kFlagGenerationCounterPresent | kFlagNotificationPresent;
  std::array<uint8_t, 2> padding = {};
  uint8_t clock_status = kStatusUnknown;
  std::array<uint8_t, 5> leap_seconds_and_period_shift = {};
  std::array<uint64_t, 8> counter_and_time = {};
  uint64_t generation_counter = 0;
};
constexpr size_t kBodyOffset = kSequenceCountOffset + sizeof(uint32_t);
static_assert(sizeof(VmClockBody) == 96 && GuestCopyable<VmClockBody>);
static_assert(offsetof(VmClockBody, generation_counter) == 88);

template <GuestCopyable T>
void CopyObject(const T& object, GuestSlice page, size_t offset_bytes) {
  // Bytes of a trivially copyable object may be read through uint8_t*.
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(&object), sizeof(object));
  page.SubSlice(offset_bytes, bytes.size()).CopyFrom(bytes);
}

}  // namespace

absl::StatusOr<VmClock> VmClock::Create(const GuestMemory& memory, IrqLine* irq) {
  ASSIGN_OR_RETURN(VmClock clock, Restore({.address = layout::kVmClock}, memory, irq));
  clock.WriteFields();
  return clock;
}

absl::StatusOr<VmClock> VmClock::Restore(const VmClockState& state, const GuestMemory& memory,
                                         IrqLine* irq) {
  if (state.address.value() % layout::kVmClockSizeBytes != 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the VM clock at %#x is not aligned", state.address.value()));
  }
  if (state.sequence_count % 2 != 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the VM clock's sequence count %u is odd", state.sequence_count));
  }
  const auto page = memory.Resolve({state.address, layout::kVmClockSizeBytes});
  if (!page.ok()) {
    return absl::InvalidArgumentError(absl::StrFormat("VM clock: %s", page.status().message()));
  }
  return VmClock(state, *page, irq);
}

void VmClock::Renew() {
  ++state_.sequence_count;
  StoreSequenceCount();
  ++state_.disruption_marker;
  ++state_.generation_counter;
  WriteFields();
  ++state_.sequence_count;
  StoreSequenceCount();
}

// Readers take what they read between two equal even counts, so no write of a field may move past
// one of the count: an exchange holds in both directions.
void VmClock::StoreSequenceCount() {
  // Guest pages are pages of the host's mapping, so the count is aligned.
  auto* const count = reinterpret_cast<uint32_t*>(page_.data() + kSequenceCountOffset);
  std::atomic_ref<uint32_t>(*count).exchange(state_.sequence_count);
}

void VmClock::WriteFields() {
  CopyObject(VmClockHeader{}, page_, 0);
  CopyObject(VmClockBody{.disruption_marker = state_.disruption_marker,
                         .generation_counter = state_.generation_counter},
             page_, kBodyOffset);
  const size_t end = kBodyOffset + sizeof(VmClockBody);
  page_.SubSlice(end, page_.size_bytes() - end).Fill(0);
}

}  // namespace mayfly
