// Takes chains from any ring, however its bytes change, and checks that they stay in RAM and within
// the queue's size, and that nothing but the used ring is written.
//
// An input is the queue's registers, then steps: the kind, then its bytes (see Step).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "base/check.h"
#include "base/guest_memory.h"
#include "base/guest_read_hook.h"
#include "devices/virtio/virt_queue.h"
#include "devices/virtio/virtio_ids.h"
#include "fuzzer/FuzzedDataProvider.h"
#include "tests/fakes/test_memory.h"

namespace mayfly {
namespace {

constexpr uint64_t kRamBytes = 0x8000;

GuestMemory& Memory() {
  static auto* memory = new GuestMemory(MakeTestMemory(kRamBytes));
  return *memory;
}

std::span<uint8_t> Ram() {
  return {Memory().Resolve({GuestAddress(0), kRamBytes})->data(), kRamBytes};
}

uint8_t TakeByte(FuzzedDataProvider& provider) {
  const std::vector<uint8_t> bytes = provider.ConsumeBytes<uint8_t>(1);
  return bytes.empty() ? 0 : bytes[0];
}

uint32_t TakeNumber(FuzzedDataProvider& provider, int byte_count) {
  uint32_t number = 0;
  for (int i = 0; i < byte_count; ++i) {
    number |= uint32_t{TakeByte(provider)} << (8 * i);
  }
  return number;
}

// Where fresh bytes come from while the queue reads; null for none.
FuzzedDataProvider* fresh_bytes = nullptr;

[[maybe_unused]] void AfterRead(std::span<uint8_t> guest_bytes) {
  if (fresh_bytes == nullptr || fresh_bytes->remaining_bytes() == 0) {
    return;
  }
  const std::vector<uint8_t> bytes = fresh_bytes->ConsumeBytes<uint8_t>(guest_bytes.size());
  std::copy(bytes.begin(), bytes.end(), guest_bytes.begin());
}

class QueueRun {
 public:
  explicit QueueRun(FuzzedDataProvider* provider) : provider_(*provider) {
    std::fill(Ram().begin(), Ram().end(), 0);
    const uint8_t kind = TakeByte(provider_);
    has_fresh_bytes_ = (kind & 4) != 0;
    state_.guest_size = (kind & 8) != 0 ? TakeNumber(provider_, 4) : 1u << (kind >> 4) % 9;
    state_.guest_descriptors = GuestAddress(TakeAddress(0x0000));
    state_.guest_avail = GuestAddress(TakeAddress(0x2000));
    state_.guest_used = GuestAddress(TakeAddress(0x3000));
    state_.next_avail = state_.next_used = static_cast<uint16_t>(TakeNumber(provider_, 2));
    auto queue = VirtQueue::Create(
        state_, &Memory(), {.has_event_idx = (kind & 1) != 0, .has_indirect = (kind & 2) != 0});
    if (queue.ok()) {
      queue_ = *std::move(queue);
    }
  }

  void Run() {
    while (queue_ && provider_.remaining_bytes() > 0) {
      Step();
      MAYFLY_CHECK(queue_->in_flight_count() == heads_.size());
      MAYFLY_CHECK(heads_.size() <= queue_->size());
    }
  }

 private:
  uint64_t TakeAddress(uint64_t usual) {
    const uint8_t kind = TakeByte(provider_);
    return kind % 4 == 0 ? usual : TakeNumber(provider_, 2) | uint64_t{kind == 255 ? ~0u : 0} << 32;
  }

  void Step() {
    const uint8_t kind = TakeByte(provider_);
    switch (kind % 8) {
      case 0:
      case 1:
        Patch(kind);
        return;
      case 2:
        WriteDescriptor();
        return;
      case 3:
        // Another chain, or a jump.
        PatchWord(state_.guest_avail.value() + 2, TakeByte(provider_) % 4);
        return;
      case 4:
        GiveBack(kind);
        return;
      case 5:
        Publish();
        return;
      case 6:
        Unchanged([this] { return queue_->EnableNotification(); });
        return;
      default:
        Pop();
    }
  }

  void Patch(uint8_t kind) {
    const uint32_t address = TakeNumber(provider_, 2) % kRamBytes;
    const std::vector<uint8_t> bytes = provider_.ConsumeBytes<uint8_t>(1 + kind / 8);
    std::copy_n(bytes.begin(), std::min<size_t>(bytes.size(), kRamBytes - address),
                Ram().begin() + address);
  }

  void PatchWord(uint64_t address, uint16_t added) {
    uint16_t word = 0;
    std::memcpy(&word, Ram().data() + address, sizeof(word));
    word = static_cast<uint16_t>(word + added);
    std::memcpy(Ram().data() + address, &word, sizeof(word));
  }

  void WriteDescriptor() {
    const VirtqDescriptor descriptor = {.guest_address = TakeNumber(provider_, 2),
                                        .guest_length = TakeByte(provider_),
                                        .flags = static_cast<uint16_t>(TakeByte(provider_) % 8),
                                        .guest_next = static_cast<uint16_t>(TakeByte(provider_))};
    const uint64_t address = state_.guest_descriptors.value() +
                             uint64_t{TakeByte(provider_)} % queue_->size() * sizeof(descriptor);
    std::memcpy(Ram().data() + address, &descriptor, sizeof(descriptor));
  }

  void Pop() {
    fresh_bytes = has_fresh_bytes_ ? &provider_ : nullptr;
    const absl::StatusOr<bool> has_chain = queue_->Pop(chain_);
    fresh_bytes = nullptr;
    if (!has_chain.ok() || !*has_chain) {
      return;
    }
    MAYFLY_CHECK(chain_.head < queue_->size());
    MAYFLY_CHECK(std::count(heads_.begin(), heads_.end(), chain_.head) == 0);
    MAYFLY_CHECK(chain_.readable.segments().size() + chain_.writable.segments().size() <=
                 queue_->size());
    for (const SegmentList* list : {&chain_.readable, &chain_.writable}) {
      for (const iovec& segment : list->segments()) {
        const auto* start = static_cast<const uint8_t*>(segment.iov_base);
        MAYFLY_CHECK(segment.iov_len > 0 && segment.iov_len <= kRamBytes);
        MAYFLY_CHECK(start >= Ram().data() && start <= Ram().data() + kRamBytes - segment.iov_len);
      }
    }
    heads_.push_back(chain_.head);
  }

  void GiveBack(uint8_t kind) {
    if (heads_.empty()) {
      return;
    }
    if (kind >= 0xc0) {
      Unchanged([this] {
        queue_->UndoPop(heads_.back());
        return true;
      });
      heads_.pop_back();
      return;
    }
    const size_t which = kind / 8 % heads_.size();
    Unchanged([this, which] {
      queue_->PushUsed(heads_[which], 0x12345678);
      return true;
    });
    heads_.erase(heads_.begin() + static_cast<ptrdiff_t>(which));
  }

  void Publish() {
    Unchanged([this] { return queue_->Publish(); });
  }

  // Runs it and checks that only the used ring changed.
  template <typename Function>
  void Unchanged(Function function) {
    std::vector<uint8_t> before(Ram().begin(), Ram().end());
    function();
    const uint64_t used = state_.guest_used.value();
    const size_t size = 6 + 8u * queue_->size();
    std::copy_n(Ram().begin() + static_cast<ptrdiff_t>(used), size,
                before.begin() + static_cast<ptrdiff_t>(used));
    MAYFLY_CHECK(std::memcmp(before.data(), Ram().data(), kRamBytes) == 0);
  }

  FuzzedDataProvider& provider_;
  bool has_fresh_bytes_ = false;
  VirtQueueState state_;
  std::optional<VirtQueue> queue_;
  DescriptorChain chain_;
  std::vector<uint16_t> heads_;
};

}  // namespace
}  // namespace mayfly

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size_bytes) {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  mayfly::guest_read_hook::after_read = mayfly::AfterRead;
#endif
  FuzzedDataProvider provider(data, size_bytes);
  mayfly::QueueRun(&provider).Run();
  return 0;
}
