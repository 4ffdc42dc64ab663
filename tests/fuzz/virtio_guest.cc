// The steps and checks of the fuzzed guest.

#include "tests/fuzz/virtio_guest.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/timer.h"
#include "devices/virtio/mmio_registers.h"
#include "devices/virtio/virtio_ids.h"
#include "tests/fakes/heap_use.h"
#include "tests/fakes/test_memory.h"
#include "tests/fuzz/read_changes.h"

namespace mayfly {
namespace {

// What a device may keep for one input, beside what it had at the start (docs/virtio.md, "Memory"):
// a card, or a disk of two queues, 7 MiB, and the loop's operations.
constexpr size_t kHeapBoundBytes = 8 << 20;

constexpr uint64_t kRingFeatures =
    kFeatureVersion1 | kFeatureRingEventIdx | kFeatureRingIndirectDesc;

GuestMemory& Memory() {
  static auto* memory = new GuestMemory(MakeTestMemory(
      {{GuestAddress(0), VirtioGuest::kFirstRegionBytes},
       {GuestAddress(VirtioGuest::kSecondRegion), VirtioGuest::kSecondRegionBytes}}));
  return *memory;
}

}  // namespace

EventLoop* VirtioGuest::Loop() {
  static EventLoop* loop = EventLoop::Create({}).value().release();
  return loop;
}

VirtioGuest::VirtioGuest(FuzzedDataProvider* provider) : provider_(provider) {
  for (const GuestMemory::Region& region : Memory().regions()) {
    Memory().Resolve(region.range())->Fill(0);
  }
  readable_.resize(kWritable - kReadable);
  mode_ = static_cast<Mode>(TakeByte() % 4);
}

// The device goes first: it holds guest memory.
VirtioGuest::~VirtioGuest() {
  driver_.reset();
  transport_.reset();
  MAYFLY_CHECK(HeapUseBytes() <= heap_use_bytes_ + kHeapBoundBytes);
}

uint8_t VirtioGuest::TakeByte() {
  const std::vector<uint8_t> bytes = provider_->ConsumeBytes<uint8_t>(1);
  return bytes.empty() ? 0 : bytes[0];
}

uint64_t VirtioGuest::TakeNumber(size_t byte_count) {
  uint64_t number = 0;
  for (size_t i = 0; i < byte_count; ++i) {
    number |= uint64_t{TakeByte()} << (8 * i);
  }
  return number;
}

void VirtioGuest::Attach(std::unique_ptr<VirtioDevice> device, BuildRequest build_request,
                         std::function<void()> device_step) {
  heap_use_bytes_ = HeapUseBytes();
  build_request_ = std::move(build_request);
  device_step_ = std::move(device_step);
  const size_t queue_count = device->queue_count();
  transport_ = MmioTransport::Create(Loop(), &Memory(), &irq_, std::move(device), {}).value();
  // A reset is written on the loop's own thread here.
  transport_->StopWaiting();
  const uint16_t queue_size = static_cast<uint16_t>(1u << TakeByte() % 9);
  driver_.emplace(transport_.get(), &Memory(), queue_count, queue_size, kQueues);
  requests_.assign(queue_count, std::vector<Request>(queue_size));
}

void VirtioGuest::Run() {
  if (mode_ != Mode::kHostile) {
    Start();
  }
  while (provider_->remaining_bytes() > 0) {
    Step();
    CheckStatus();
    MAYFLY_CHECK(HeapUseBytes() <= heap_use_bytes_ + kHeapBoundBytes);
  }
  if (mode_ == Mode::kCorrect) {
    WaitForAll();
  }
  Reset();
}

void VirtioGuest::Step() {
  const uint8_t kind = TakeByte();
  switch (kind % 16) {
    case 0:
    case 1:
      RunTurns(1 + kind / 16 % 4);
      break;
    case 2:
      driver_->Notify(TakeByte() % 4);
      break;
    case 3:
      ReadRegisters();
      break;
    case 4:
      device_step_();
      break;
    case 5:
      Reset();
      Start();
      break;
    default:
      mode_ == Mode::kCorrect ? StepCorrect(kind) : StepHostile(kind);
  }
  if (mode_ == Mode::kCorrect) {
    CheckReadable();
    CheckUsed();
  }
}

void VirtioGuest::StepCorrect(uint8_t kind) {
  if (kind % 16 < 14) {
    AddRequest();
  } else if (is_started_) {
    // What no driver should write, and what is ignored while the device is in use.
    driver_->WriteQueueRegisters(TakeByte() % 4, {.guest_size = TakeWord(), .is_ready = true});
    driver_->WriteRegister(mmio::kConfig + TakeByte(), TakeByte());
  }
}

void VirtioGuest::StepHostile(uint8_t kind) {
  switch (kind % 16) {
    case 6:
    case 7:
      WriteAnyRegister();
      return;
    case 8:
      PatchMemory();
      return;
    case 9:
    case 10:
      AddRequest();
      return;
    case 11: {
      FakeQueue& queue = driver_->queue(TakeByte() % driver_->queue_count());
      queue.SetAvailIndex(static_cast<uint16_t>(queue.avail_index() + TakeByte() - 16));
      return;
    }
    case 12:
      driver_->queue(TakeByte() % driver_->queue_count()).SetUsedEvent(TakeWord());
      return;
    default:
      WriteDescriptor();
  }
}

void VirtioGuest::Start() {
  const uint64_t offered = driver_->device_features();
  const uint64_t declined = TakeNumber(4) << (TakeByte() % 33);
  features_ = (offered & ~declined & ~kRingFeatures) | kFeatureVersion1 |
              (offered & kRingFeatures & ~(declined >> 3));
  is_started_ = driver_->Start(features_);
  RunTurns(2);
}

void VirtioGuest::AddRequest() {
  const size_t queue_index = TakeByte() % driver_->queue_count();
  FakeQueue& queue = driver_->queue(queue_index);
  ChainBuilder chain;
  const bool comes_back = build_request_(*this, queue_index, chain);
  // A correct driver does not write over the table of a chain that is still out, and PickReadable
  // waits only for those that come back.
  const bool may_be_indirect =
      mode_ != Mode::kCorrect || (comes_back && (features_ & kFeatureRingIndirectDesc) != 0);
  const bool is_indirect = TakeByte() % 4 == 0 && may_be_indirect && chain.size() <= queue.size();
  if (!is_started_ || queue.free_descriptor_count() < (is_indirect ? 1 : chain.size())) {
    return;
  }
  uint64_t writable_bytes = 0;
  for (const VirtqDescriptor& descriptor : chain.Build()) {
    writable_bytes +=
        (descriptor.flags & VirtqDescriptor::kWrite) != 0 ? descriptor.guest_length : 0;
  }
  std::vector<VirtqDescriptor> buffers = chain.Build();
  if (is_indirect) {
    const uint64_t table = PickReadable(static_cast<uint32_t>(16 * chain.size()));
    buffers = chain.Indirect(Memory(), table);
    const auto bytes = std::span(readable_).subspan(table - kReadable, 16 * chain.size());
    MAYFLY_CHECK(Memory().Read(GuestAddress(table), bytes).ok());
  }
  const uint16_t head = queue.Add(buffers);
  requests_[queue_index][head] = {.writable_bytes = writable_bytes, .comes_back = comes_back};
}

uint64_t VirtioGuest::PickReadable(uint32_t size_bytes) {
  // Round and round, so that what is in flight is overwritten late: tables of 256 fit 16 times.
  if (next_readable_ + size_bytes > kWritable) {
    WaitForAll();
    next_readable_ = kReadable;
  }
  const uint64_t start = next_readable_;
  MAYFLY_CHECK(start + size_bytes <= kWritable);
  next_readable_ += (size_bytes + 15) & ~uint64_t{15};
  return start;
}

uint64_t VirtioGuest::StoreReadable(std::span<const uint8_t> bytes) {
  const uint64_t start = PickReadable(static_cast<uint32_t>(bytes.size()));
  std::copy(bytes.begin(), bytes.end(),
            readable_.begin() + static_cast<ptrdiff_t>(start - kReadable));
  MAYFLY_CHECK(Memory().Write(GuestAddress(start), bytes).ok());
  return start;
}

uint64_t VirtioGuest::PickWritable(uint32_t size_bytes) {
  const uint8_t where = TakeByte();
  const uint64_t start = where % 2 == 0 ? kWritable : kSecondRegion;
  const uint64_t end = where % 2 == 0 ? kFirstRegionBytes : kSecondRegion + kSecondRegionBytes;
  // Also up to the very end of a region.
  return where % 8 < 2 ? end - size_bytes : start + where * uint64_t{16};
}

void VirtioGuest::WriteAnyRegister() {
  const uint8_t kind = TakeByte();
  const uint64_t offset = uint64_t{TakeByte()} * 4 % (mmio::kConfig + 64);
  const size_t size = kind % 16 == 0 ? 1u + TakeByte() % 8 : 4u;
  constexpr std::array<uint32_t, 8> kStatuses = {1, 3, 11, 15, 0x40, 0x80, 7, 0};
  const uint64_t value = offset == mmio::kStatus && kind % 4 != 0 ? kStatuses[TakeByte() % 8]
                                                                  : TakeNumber(kind / 16 % 5);
  std::array<uint8_t, 8> bytes{};
  std::memcpy(bytes.data(), &value, sizeof(value));
  transport_->Write(offset, std::span(bytes).first(size));
}

void VirtioGuest::WriteDescriptor() {
  FakeQueue& queue = driver_->queue(TakeByte() % driver_->queue_count());
  const auto index = static_cast<uint16_t>(TakeByte() % queue.size());
  const uint8_t kind = TakeByte();
  queue.WriteDescriptor(index, {.guest_address = TakeNumber(kind % 16 == 0 ? 8 : 3),
                                .guest_length = static_cast<uint32_t>(TakeNumber(kind / 16 % 5)),
                                .flags = TakeByte(),
                                .guest_next = TakeByte()});
  if (kind % 4 == 1) {
    queue.MakeAvailable(index);
  }
}

void VirtioGuest::PatchMemory() {
  const uint64_t address = TakeNumber(3) % kFirstRegionBytes;
  const std::vector<uint8_t> bytes = provider_->ConsumeBytes<uint8_t>(TakeByte() % 64);
  (void)Memory().Write(GuestAddress(address), bytes);
}

void VirtioGuest::ReadRegisters() {
  std::vector<uint8_t> bytes(1u + TakeByte() % 8);
  transport_->Read(TakeWord() % (2 * mmio::kWindowBytes), bytes);
  driver_->ReadConfig(TakeByte(), 4);
  driver_->TakeInterruptStatus();
}

void VirtioGuest::Reset() {
  driver_->WriteRegister(mmio::kStatus, 0);
  RunUntil([&] { return driver_->status() == 0; });
  is_started_ = false;
  next_readable_ = kReadable;
}

void VirtioGuest::RunTurns(int count) {
  std::vector<const uint8_t*> avail_indices;
  for (size_t i = 0; i < driver_->queue_count(); ++i) {
    const GuestAddress index(driver_->queue(i).avail() + 2);
    avail_indices.push_back(Memory().Resolve({index, 2})->data());
  }
  const ReadChanges::Kind kind = mode_ == Mode::kChanging  ? ReadChanges::Kind::kDriverLike
                                 : mode_ == Mode::kChasing ? ReadChanges::Kind::kAvailIndexAhead
                                                           : ReadChanges::Kind::kNone;
  const ReadChanges changes(kind, std::move(avail_indices), provider_->remaining_bytes());
  Timer tick(Loop(), [&] {
    if (--count <= 0) {
      Loop()->Stop();
    } else {
      tick.Set(0);
    }
  });
  tick.Set(0);
  MAYFLY_CHECK(Loop()->Run().ok());
}

void VirtioGuest::RunUntil(const std::function<bool()>& condition) {
  const int64_t limit_us = MonotonicTimeUs() + 10'000'000;
  while (!condition()) {
    MAYFLY_CHECK(MonotonicTimeUs() < limit_us);
    RunTurns(4);
  }
}

void VirtioGuest::CheckReadable() const {
  const GuestSlice slice = *Memory().Resolve({GuestAddress(kReadable), kWritable - kReadable});
  MAYFLY_CHECK(std::memcmp(slice.data(), readable_.data(), readable_.size()) == 0);
}

void VirtioGuest::CheckUsed() {
  if (!is_started_) {
    return;
  }
  for (size_t i = 0; i < driver_->queue_count(); ++i) {
    FakeQueue& queue = driver_->queue(i);
    MAYFLY_CHECK(queue.used_count() <= queue.outstanding_count());
    std::vector<bool> is_outstanding(queue.size());
    for (uint16_t head = 0; head < queue.size(); ++head) {
      is_outstanding[head] = queue.IsOutstanding(head);
    }
    while (const std::optional<FakeQueue::Used> used = queue.TakeUsed()) {
      MAYFLY_CHECK(used->head < queue.size() && is_outstanding[used->head]);
      is_outstanding[used->head] = false;
      MAYFLY_CHECK(used->written_bytes <= requests_[i][used->head].writable_bytes);
    }
  }
}

void VirtioGuest::CheckStatus() {
  const uint32_t status = driver_->status();
  const uint32_t way = status & ~(kStatusFailed | kStatusNeedsReset);
  MAYFLY_CHECK(way == 0 || way == 1 || way == 3 || way == 11 || way == 15);
  MAYFLY_CHECK(mode_ != Mode::kCorrect || (status & kStatusNeedsReset) == 0);
}

void VirtioGuest::WaitForAll() {
  if (mode_ != Mode::kCorrect || !is_started_) {
    return;
  }
  for (uint32_t i = 0; i < driver_->queue_count(); ++i) {
    driver_->Notify(i);
  }
  RunUntil([&] {
    device_step_();
    CheckReadable();
    CheckUsed();
    for (size_t i = 0; i < driver_->queue_count(); ++i) {
      for (uint16_t head = 0; head < driver_->queue(i).size(); ++head) {
        if (driver_->queue(i).IsOutstanding(head) && requests_[i][head].comes_back) {
          return false;
        }
      }
    }
    return true;
  });
}

}  // namespace mayfly
