// What becomes of guest memory once it was read.

#include "tests/fuzz/read_changes.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/guest_read_hook.h"
#include "devices/virtio/descriptor_chain.h"

namespace mayfly {
namespace {

// Every chain of two queues, as long as it may be, eight times.
constexpr uint64_t kMaxReads = uint64_t{8} * 2 * 256 * 260;

// As far as the guest's RAM goes, and a little farther.
constexpr uint64_t kMaxAddress = 0x61000;

ReadChanges* current = nullptr;

}  // namespace

ReadChanges::ReadChanges(Kind kind, std::vector<const uint8_t*> avail_indices, uint64_t seed)
    : kind_(kind), avail_indices_(std::move(avail_indices)), random_(seed) {
  MAYFLY_CHECK(current == nullptr);
  current = this;
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  guest_read_hook::after_read = [](std::span<uint8_t> guest_bytes) {
    current->AfterRead(guest_bytes);
  };
#endif
}

ReadChanges::~ReadChanges() {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  guest_read_hook::after_read = nullptr;
#endif
  current = nullptr;
}

uint64_t ReadChanges::NextRandom() {
  // Knuth's multiplier; the high bits are the good ones.
  random_ = random_ * 6364136223846793005u + 1442695040888963407u;
  return random_ >> 33;
}

void ReadChanges::AfterRead(std::span<uint8_t> guest_bytes) {
  MAYFLY_CHECK(++read_count_ < kMaxReads);
  if (kind_ == Kind::kAvailIndexAhead) {
    const bool is_index =
        std::count(avail_indices_.begin(), avail_indices_.end(), guest_bytes.data()) > 0;
    uint16_t index = 0;
    if (is_index && guest_bytes.size() == sizeof(index)) {
      std::memcpy(&index, guest_bytes.data(), sizeof(index));
      ++index;
      std::memcpy(guest_bytes.data(), &index, sizeof(index));
    }
    return;
  }
  if (kind_ == Kind::kNone || NextRandom() % 4 == 0) {
    return;
  }
  if (guest_bytes.size() == sizeof(VirtqDescriptor) && NextRandom() % 4 != 0) {
    ChangeDescriptor(guest_bytes);
  } else if (guest_bytes.size() <= sizeof(uint16_t)) {
    guest_bytes[0] = static_cast<uint8_t>(guest_bytes[0] + NextRandom() % 3);
  } else {
    guest_bytes[NextRandom() % guest_bytes.size()] = static_cast<uint8_t>(NextRandom());
  }
}

void ReadChanges::ChangeDescriptor(std::span<uint8_t> guest_bytes) {
  const uint64_t random = NextRandom();
  const VirtqDescriptor descriptor = {
      .guest_address = NextRandom() % kMaxAddress,
      .guest_length = static_cast<uint32_t>(random % 5 == 0 ? 16 : random % 1024),
      .flags = static_cast<uint16_t>(NextRandom() % 8),
      .guest_next = static_cast<uint16_t>(NextRandom() % 17)};
  std::memcpy(guest_bytes.data(), &descriptor, sizeof(descriptor));
}

}  // namespace mayfly
