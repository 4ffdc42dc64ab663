// Restores virtio-mmio transports from arbitrary states and lets their devices work.
//
// An input is a kind, then the bytes of the state's fields, then bytes of guest memory. The kind's
// low bits say which fields are as a driver would have them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/check.h"
#include "base/event_loop.h"
#include "base/timer.h"
#include "devices/virtio/mmio_registers.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_ids.h"
#include "fuzzer/FuzzedDataProvider.h"
#include "tests/fakes/recording_irq_line.h"
#include "tests/fakes/test_memory.h"
#include "tests/fuzz/echo_device.h"

namespace mayfly {
namespace {

constexpr uint64_t kRamBytes = 0x10000;
constexpr uint8_t kHasUsualStatus = 1;
constexpr uint8_t kHasUsualFeatures = 2;
constexpr uint8_t kHasUsualQueues = 4;
constexpr uint8_t kHasUsualProgress = 8;

EventLoop* Loop() {
  static EventLoop* loop = EventLoop::Create({}).value().release();
  return loop;
}

GuestMemory& Memory() {
  static auto* memory = new GuestMemory(MakeTestMemory(kRamBytes));
  return *memory;
}

uint64_t TakeNumber(FuzzedDataProvider& provider, size_t byte_count) {
  const std::vector<uint8_t> bytes = provider.ConsumeBytes<uint8_t>(byte_count);
  uint64_t number = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    number |= uint64_t{bytes[i]} << (8 * i);
  }
  return number;
}

VirtQueueState TakeQueue(FuzzedDataProvider& provider, uint8_t kind, uint64_t start) {
  VirtQueueState queue;
  queue.is_ready = TakeNumber(provider, 1) % 4 != 0;
  if ((kind & kHasUsualQueues) != 0) {
    queue.guest_size = 1U << TakeNumber(provider, 1) % 9;
    queue.guest_descriptors = GuestAddress(start);
    queue.guest_avail = GuestAddress(start + 0x1000);
    queue.guest_used = GuestAddress(start + 0x2000);
  } else {
    queue.guest_size = static_cast<uint32_t>(TakeNumber(provider, 4));
    queue.guest_descriptors = GuestAddress(TakeNumber(provider, 8));
    queue.guest_avail = GuestAddress(TakeNumber(provider, 8));
    queue.guest_used = GuestAddress(TakeNumber(provider, 8));
  }
  queue.next_avail = static_cast<uint16_t>(TakeNumber(provider, 2));
  const uint64_t taken_count = TakeNumber(provider, 1);
  for (uint64_t i = 0; i < taken_count; ++i) {
    queue.taken_heads.push_back(static_cast<uint16_t>(TakeNumber(provider, 2)));
  }
  queue.next_used = (kind & kHasUsualProgress) != 0
                        ? static_cast<uint16_t>(queue.next_avail - taken_count)
                        : static_cast<uint16_t>(TakeNumber(provider, 2));
  return queue;
}

MmioTransportState TakeState(FuzzedDataProvider& provider) {
  const auto kind = static_cast<uint8_t>(TakeNumber(provider, 1));
  MmioTransportState state;
  state.registers.status =
      (kind & kHasUsualStatus) != 0
          ? kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk | kStatusDriverOk
          : static_cast<uint32_t>(TakeNumber(provider, 4));
  state.registers.driver_features = (kind & kHasUsualFeatures) != 0
                                        ? kFeatureVersion1 | kFeatureRingEventIdx
                                        : TakeNumber(provider, 8);
  state.registers.device_features_page = static_cast<uint32_t>(TakeNumber(provider, 1));
  state.registers.driver_features_page = static_cast<uint32_t>(TakeNumber(provider, 1));
  state.registers.queue_index = static_cast<uint32_t>(TakeNumber(provider, 4));
  const uint64_t queue_count = (kind & kHasUsualQueues) != 0 ? 2 : TakeNumber(provider, 1) % 5;
  for (uint64_t i = 0; i < queue_count; ++i) {
    state.registers.queues.push_back(TakeQueue(provider, kind, i * 0x4000));
  }
  state.interrupt_status = static_cast<uint32_t>(TakeNumber(provider, 1));
  state.config_generation = static_cast<uint32_t>(TakeNumber(provider, 4));
  state.config.assign(TakeNumber(provider, 1) % 2 == 0 ? 24 : TakeNumber(provider, 1), 7);
  return state;
}

void RunTurns(int count) {
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

// Whatever is at work lies in RAM.
void CheckQueues(const EchoDevice& device) {
  for (size_t i = 0; i < device.queue_count(); ++i) {
    if (device.queue(i) == nullptr) {
      continue;
    }
    const VirtQueueState queue = device.queue(i)->state();
    const uint64_t size = queue.guest_size;
    MAYFLY_CHECK(size >= 1 && size <= kQueueMaxSize && queue.taken_heads.size() <= size);
    MAYFLY_CHECK(Memory().Resolve({queue.guest_descriptors, 16 * size}).ok());
    MAYFLY_CHECK(Memory().Resolve({queue.guest_avail, 6 + 2 * size}).ok());
    MAYFLY_CHECK(Memory().Resolve({queue.guest_used, 6 + 8 * size}).ok());
  }
}

std::unique_ptr<MmioTransport> MakeTransport(IrqLine* irq, EchoDevice** device) {
  auto owned = std::make_unique<EchoDevice>(Loop());
  *device = owned.get();
  auto transport = MmioTransport::Create(Loop(), &Memory(), irq, std::move(owned), {}).value();
  transport->StopWaiting();
  return transport;
}

void Run(FuzzedDataProvider& provider) {
  const MmioTransportState state = TakeState(provider);
  std::vector<uint8_t> ram = provider.ConsumeRemainingBytes<uint8_t>();
  ram.resize(kRamBytes);
  MAYFLY_CHECK(Memory().Write(GuestAddress(0), ram).ok());

  RecordingIrqLine irq;
  EchoDevice* device = nullptr;
  std::unique_ptr<MmioTransport> transport = MakeTransport(&irq, &device);
  const MmioTransportState fresh = transport->State();
  const absl::Status restored = transport->Restore(state);
  if (!restored.ok()) {
    MAYFLY_CHECK(transport->State() == fresh);
    return;
  }
  CheckQueues(*device);
  // What was restored is a state like any other.
  EchoDevice* twin = nullptr;
  MAYFLY_CHECK(MakeTransport(&irq, &twin)->Restore(transport->State()).ok());
  RunTurns(2);
  std::vector<uint8_t> before_resume(kRamBytes);
  MAYFLY_CHECK(Memory().Read(GuestAddress(0), before_resume).ok());
  MAYFLY_CHECK(before_resume == ram && irq.Take() == 0);
  transport->Resume();
  RunTurns(2);
  CheckQueues(*device);
  const std::vector<uint8_t> reset(sizeof(uint32_t));
  transport->Write(mmio::kStatus, reset);
  RunTurns(5);
  MAYFLY_CHECK(transport->State().registers == fresh.registers);
}

}  // namespace
}  // namespace mayfly

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size_bytes) {
  FuzzedDataProvider provider(data, size_bytes);
  mayfly::Run(provider);
  return 0;
}
