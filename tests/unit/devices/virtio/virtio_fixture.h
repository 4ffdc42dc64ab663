// VirtioTest: a test with an event loop, guest memory, one virtio-mmio device and its driver.

#ifndef MAYFLY_TESTS_UNIT_DEVICES_VIRTIO_VIRTIO_FIXTURE_H_
#define MAYFLY_TESTS_UNIT_DEVICES_VIRTIO_VIRTIO_FIXTURE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/event_loop.h"
#include "base/guest_memory.h"
#include "base/timer.h"
#include "devices/virtio/mmio_registers.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_ids.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_driver.h"
#include "tests/fakes/recording_irq_line.h"
#include "tests/fakes/test_memory.h"

namespace mayfly {

// The test's thread is the loop thread, and the guest's but for what OnVcpu runs.
class VirtioTest : public testing::Test {
 protected:
  static constexpr uint64_t kRamBytes = 16 << 20;

  void SetUp() override { CreateLoop(); }

  // The loop is of the thread that calls this.
  void CreateLoop() {
    auto created = EventLoop::Create({});
    ASSERT_TRUE(created.ok()) << created.status();
    loop = *std::move(created);
  }

  // Replaces the device and its driver.
  void Attach(std::unique_ptr<VirtioDevice> device, uint16_t queue_size = kQueueMaxSize) {
    const size_t queue_count = device->queue_count();
    driver.reset();
    CreateTransport(std::move(device));
    driver.emplace(transport.get(), &memory, queue_count, queue_size);
  }

  void CreateTransport(std::unique_ptr<VirtioDevice> device) {
    transport.reset();
    auto created = MmioTransport::Create(
        loop.get(), &memory, &irq, std::move(device),
        {.on_warning = [this](absl::string_view warning) { warnings.emplace_back(warning); }});
    ASSERT_TRUE(created.ok()) << created.status();
    transport = *std::move(created);
  }

  // What a snapshot has of a guest.
  struct Snapshot {
    MmioTransportState state;
    std::vector<uint8_t> ram;
    FakeDriver driver;
  };
  // Leaves the device paused.
  Snapshot TakeSnapshot() {
    bool is_paused = false;
    transport->Pause([&] { is_paused = true; });
    RunUntil([&] { return is_paused; });
    return {.state = transport->State(), .ram = RamBytes(), .driver = *driver};
  }
  // Puts the guest before a new device, which is paused.
  void Restore(const Snapshot& snapshot, std::unique_ptr<VirtioDevice> device) {
    CreateTransport(std::move(device));
    ASSERT_TRUE(memory.Write(GuestAddress(0), snapshot.ram).ok());
    driver.emplace(snapshot.driver);
    driver->MoveTo(transport.get());
    const absl::Status status = transport->Restore(snapshot.state);
    ASSERT_TRUE(status.ok()) << status;
  }
  std::vector<uint8_t> RamBytes() const {
    std::vector<uint8_t> bytes(kRamBytes);
    EXPECT_TRUE(memory.Read(GuestAddress(0), bytes).ok());
    return bytes;
  }

  // Until the device is active, or refused its queues.
  void Start(uint64_t features) {
    const MmioTransport::Counters& counters = transport->counters();
    const uint64_t before = counters.activations + counters.failed_activations;
    ASSERT_TRUE(driver->Start(features));
    RunUntil([&] { return counters.activations + counters.failed_activations > before; });
  }
  // What is common to all devices: VERSION_1, EVENT_IDX and INDIRECT_DESC, and `more`.
  void StartWithRings(uint64_t more = 0) {
    Start(kFeatureVersion1 | kFeatureRingEventIdx | kFeatureRingIndirectDesc | more);
  }

  // Runs `function` on a thread of its own while the loop runs.
  void OnVcpu(const std::function<void()>& function) {
    std::atomic<bool> is_done = false;
    std::thread vcpu([&] {
      function();
      is_done = true;
    });
    RunUntil([&] { return is_done.load(); });
    vcpu.join();
  }
  void Reset() {
    OnVcpu([this] { driver->WriteRegister(mmio::kStatus, 0); });
    EXPECT_EQ(driver->status(), 0u);
  }

  // Runs the loop until `condition` holds, looking after each turn; fails after ten seconds.
  void RunUntil(const std::function<bool()>& condition) {
    const int64_t limit_us = MonotonicTimeUs() + 10'000'000;
    Timer poll(loop.get(), [&] {
      if (condition() || MonotonicTimeUs() > limit_us) {
        loop->Stop();
      } else {
        poll.Set(MonotonicTimeUs() + 100);
      }
    });
    poll.Set(0);
    ASSERT_TRUE(loop->Run().ok());
    ASSERT_TRUE(condition()) << "the condition did not come to hold";
  }
  void RunFor(int64_t duration_us) {
    Timer end(loop.get(), [&] { loop->Stop(); });
    end.Set(MonotonicTimeUs() + duration_us);
    ASSERT_TRUE(loop->Run().ok());
  }

  // The next chain that comes back on a queue; head 0xffffffff when none does.
  FakeQueue::Used WaitForUsed(size_t queue_index) {
    FakeQueue& queue = driver->queue(queue_index);
    RunUntil([&] { return queue.used_count() > 0; });
    return queue.TakeUsed().value_or(FakeQueue::Used{.head = ~uint32_t{0}});
  }

  bool NeedsReset() { return (driver->status() & kStatusNeedsReset) != 0; }

  GuestMemory memory = MakeTestMemory(kRamBytes);
  RecordingIrqLine irq;
  std::vector<std::string> warnings;
  std::unique_ptr<EventLoop> loop;
  std::unique_ptr<MmioTransport> transport;
  std::optional<FakeDriver> driver;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_UNIT_DEVICES_VIRTIO_VIRTIO_FIXTURE_H_
