// FakeDriver: a guest's virtio driver in the test's own process.

#ifndef MAYFLY_TESTS_FAKES_FAKE_DRIVER_H_
#define MAYFLY_TESTS_FAKES_FAKE_DRIVER_H_

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/check.h"
#include "base/guest_memory.h"
#include "devices/bus_device.h"
#include "devices/virtio/mmio_registers.h"
#include "devices/virtio/virtio_ids.h"
#include "tests/fakes/fake_queue.h"

namespace mayfly {

// Goes through the registers of a virtio-mmio device as a guest does and has its queues and buffers
// in guest memory: the queues from `start` on, 8 KiB each, then what Allocate gives. It never
// waits: whoever owns the event loop runs it. The write of a reset does wait for the loop, so it
// belongs on a thread of its own, unless the transport was told to stop waiting.
class FakeDriver {
 public:
  // `device` and `memory` outlive it.
  FakeDriver(BusDevice* device, const GuestMemory* memory, size_t queue_count,
             uint16_t queue_size = kQueueMaxSize, uint64_t start = 0x10000)
      : device_(device),
        memory_(memory),
        buffers_start_(start + queue_count * FakeQueue::kMaxBytes) {
    for (size_t i = 0; i < queue_count; ++i) {
      queues_.emplace_back(memory, start + i * FakeQueue::kMaxBytes, queue_size);
    }
    buffers_end_ = buffers_start_;
  }

  // The same driver, in the middle of whatever it does, before another device.
  void MoveTo(BusDevice* device) { device_ = device; }

  uint32_t ReadRegister(uint64_t offset) {
    uint32_t value = 0;
    uint8_t bytes[sizeof(value)] = {};
    device_->Read(offset, bytes);
    std::memcpy(&value, bytes, sizeof(value));
    return value;
  }
  void WriteRegister(uint64_t offset, uint32_t value) {
    uint8_t bytes[sizeof(value)] = {};
    std::memcpy(bytes, &value, sizeof(value));
    device_->Write(offset, bytes);
  }

  uint32_t status() { return ReadRegister(mmio::kStatus); }
  uint64_t device_features() {
    WriteRegister(mmio::kDeviceFeaturesSel, 1);
    const uint64_t high = ReadRegister(mmio::kDeviceFeatures);
    WriteRegister(mmio::kDeviceFeaturesSel, 0);
    return high << 32 | ReadRegister(mmio::kDeviceFeatures);
  }
  // Of the configuration space, byte by byte.
  std::vector<uint8_t> ReadConfig(uint64_t offset, size_t size_bytes) {
    std::vector<uint8_t> bytes(size_bytes);
    for (size_t i = 0; i < size_bytes; ++i) {
      device_->Read(mmio::kConfig + offset + i, std::span<uint8_t>(bytes).subspan(i, 1));
    }
    return bytes;
  }

  // The steps of section 3.1.1. Negotiate: the device is new or reset; true when it took
  // `features`.
  bool Negotiate(uint64_t features) {
    WriteRegister(mmio::kStatus, kStatusAcknowledge);
    WriteRegister(mmio::kStatus, kStatusAcknowledge | kStatusDriver);
    WriteRegister(mmio::kDriverFeaturesSel, 0);
    WriteRegister(mmio::kDriverFeatures, static_cast<uint32_t>(features));
    WriteRegister(mmio::kDriverFeaturesSel, 1);
    WriteRegister(mmio::kDriverFeatures, static_cast<uint32_t>(features >> 32));
    WriteRegister(mmio::kStatus, kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk);
    return (status() & kStatusFeaturesOk) != 0;
  }
  void WriteQueueRegisters(uint32_t index, const VirtQueueState& state) {
    WriteRegister(mmio::kQueueSel, index);
    WriteRegister(mmio::kQueueNum, state.guest_size);
    WriteAddress(mmio::kQueueDescLow, state.guest_descriptors);
    WriteAddress(mmio::kQueueDriverLow, state.guest_avail);
    WriteAddress(mmio::kQueueDeviceLow, state.guest_used);
    WriteRegister(mmio::kQueueReady, state.is_ready ? 1 : 0);
  }
  void SetUpQueues() {
    for (size_t i = 0; i < queues_.size(); ++i) {
      queues_[i].Clear();
      WriteQueueRegisters(static_cast<uint32_t>(i), queues_[i].state());
    }
  }
  void SetDriverOk() {
    WriteRegister(mmio::kStatus,
                  kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk | kStatusDriverOk);
  }
  // All of them. The device becomes active when the loop runs.
  bool Start(uint64_t features) {
    if (!Negotiate(features)) {
      return false;
    }
    SetUpQueues();
    SetDriverOk();
    return true;
  }

  void Notify(uint32_t queue_index) { WriteRegister(mmio::kQueueNotify, queue_index); }
  // Reads and acknowledges why there was an interrupt.
  uint32_t TakeInterruptStatus() {
    const uint32_t reasons = ReadRegister(mmio::kInterruptStatus);
    WriteRegister(mmio::kInterruptAck, reasons);
    return reasons;
  }

  FakeQueue& queue(size_t index) { return queues_[index]; }
  size_t queue_count() const { return queues_.size(); }

  // Guest memory of nobody else's, aligned to 16 bytes, zeroed.
  uint64_t Allocate(uint64_t size_bytes) {
    const uint64_t start = (buffers_end_ + 15) & ~uint64_t{15};
    Fill(start, size_bytes, 0);
    buffers_end_ = start + size_bytes;
    return start;
  }
  // Everything that Allocate gave is free again.
  void FreeAll() { buffers_end_ = buffers_start_; }

  uint64_t Store(std::span<const uint8_t> bytes) {
    const uint64_t start = Allocate(bytes.size());
    MAYFLY_CHECK(memory_->Write(GuestAddress(start), bytes).ok());
    return start;
  }
  void Fill(uint64_t start, uint64_t size_bytes, uint8_t value) {
    const auto slice = memory_->Resolve({GuestAddress(start), size_bytes});
    MAYFLY_CHECK(slice.ok());
    slice->Fill(value);
  }
  std::vector<uint8_t> Load(uint64_t start, uint64_t size_bytes) const {
    std::vector<uint8_t> bytes(size_bytes);
    MAYFLY_CHECK(memory_->Read(GuestAddress(start), bytes).ok());
    return bytes;
  }
  uint8_t LoadByte(uint64_t address) const { return Load(address, 1)[0]; }

  const GuestMemory& memory() const { return *memory_; }

 private:
  void WriteAddress(uint64_t low_offset, GuestAddress address) {
    WriteRegister(low_offset, static_cast<uint32_t>(address.value()));
    WriteRegister(low_offset + 4, static_cast<uint32_t>(address.value() >> 32));
  }

  BusDevice* device_;
  const GuestMemory* memory_;
  std::vector<FakeQueue> queues_;
  uint64_t buffers_start_;
  uint64_t buffers_end_;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_FAKE_DRIVER_H_
