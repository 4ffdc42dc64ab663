// MmioTransport: a device's life from activation to reset: notifications, interrupts, hostile
// vCPUs.

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "devices/virtio/mmio_registers.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_ids.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/devices/virtio/mmio_transport_fixture.h"

namespace mayfly {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using MmioTransportLifeTest = MmioTransportTest;

TEST_F(MmioTransportLifeTest, ActivatesTheDeviceAndReplaysNotifications) {
  Start(kFeatureVersion1 | RecordingVirtioDevice::kFeatures);
  EXPECT_EQ(device->active_features, kFeatureVersion1 | RecordingVirtioDevice::kFeatures);
  ASSERT_EQ(device->active_queues.size(), 3u);
  EXPECT_EQ(device->active_queues[2]->size(), 256);
  EXPECT_THAT(device->events, ElementsAre("activate", "notify 0", "notify 1", "notify 2"));
  EXPECT_EQ(irq.Take(), 0);
}

// CVE-2026-5747: size and addresses of a queue in use, changed from another vCPU.
TEST_F(MmioTransportLifeTest, Cve2026_5747_QueueRegistersAreFrozenWhileIoRuns) {
  StartWithRings();
  FakeQueue& queue = driver->queue(0);
  VirtQueue& device_queue = *device->active_queues[0];
  std::atomic<bool> is_done = false;
  std::atomic<uint64_t> round_count = 0;
  std::thread vcpu([&] {
    VirtQueueState hostile = driver->queue(1).state();
    while (!is_done) {
      const auto round = static_cast<uint32_t>(round_count++);
      hostile.guest_size = round;
      hostile.guest_used = GuestAddress(kRamBytes - 4);
      driver->WriteQueueRegisters(0, hostile);
      driver->WriteRegister(mmio::kStatus, 1 + round % (kStatusFailed - 1));
    }
  });
  DescriptorChain chain;
  uint32_t done_count = 0;
  while (round_count < 2'000) {
    const uint16_t head = queue.Add({{.guest_address = 0x1000, .guest_length = 1}});
    const auto popped = device_queue.Pop(chain);
    ASSERT_TRUE(popped.ok() && *popped);
    device_queue.PushUsed(chain.head, ++done_count);
    device_queue.Publish();
    const auto used = queue.TakeUsed();
    ASSERT_TRUE(used.has_value());
    ASSERT_EQ(used->head, head);
    ASSERT_EQ(used->written_bytes, done_count);
  }
  is_done = true;
  vcpu.join();
  EXPECT_EQ(driver->status(), kRunningState);
  EXPECT_EQ(device_queue.size(), 256);
  // Each round writes eight queue registers, none of which is taken.
  EXPECT_GE(ignored_writes(), round_count * 8);
}

struct BadQueue {
  const char* name;
  uint64_t register_offset;
  uint32_t value;
};

std::string BadQueueName(const testing::TestParamInfo<BadQueue>& info) { return info.param.name; }

class MmioTransportBadQueueTest : public MmioTransportTest,
                                  public testing::WithParamInterface<BadQueue> {};

INSTANTIATE_TEST_SUITE_P(Queues, MmioTransportBadQueueTest,
                         testing::Values(BadQueue{"SizeZero", mmio::kQueueNum, 0},
                                         BadQueue{"SizeThree", mmio::kQueueNum, 3},
                                         BadQueue{"SizeTooLarge", mmio::kQueueNum, 0x10000},
                                         BadQueue{"OutsideOfRam", mmio::kQueueDescHigh, 1},
                                         BadQueue{"Unaligned", mmio::kQueueDescLow, 0x1008},
                                         BadQueue{"Wraps", mmio::kQueueDeviceHigh, 0xffffffff}),
                         BadQueueName);

TEST_P(MmioTransportBadQueueTest, NeedsAResetAndWorksAfterIt) {
  GoTo(kFeaturesState);
  driver->SetUpQueues();
  driver->WriteRegister(mmio::kQueueSel, 1);
  driver->WriteRegister(mmio::kQueueReady, 0);
  driver->WriteRegister(GetParam().register_offset, GetParam().value);
  driver->WriteRegister(mmio::kQueueReady, 1);
  driver->SetDriverOk();
  RunUntil([&] { return NeedsReset(); });
  EXPECT_EQ(driver->status(), kRunningState | kStatusNeedsReset);
  EXPECT_EQ(driver->ReadRegister(mmio::kInterruptStatus), mmio::kInterruptConfig);
  EXPECT_EQ(irq.Take(), 1);
  EXPECT_THAT(device->events, IsEmpty());
  EXPECT_EQ(transport->counters().failed_activations, 1u);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], HasSubstr("queue 1: "));
  Reset();
  EXPECT_EQ(driver->ReadRegister(mmio::kInterruptStatus), 0u);
  StartWithRings();
  EXPECT_EQ(device->active_queues.size(), 3u);
}

TEST_F(MmioTransportLifeTest, PassesNotificationsOn) {
  StartWithRings();
  device->events.clear();
  driver->Notify(1);
  RunUntil([&] { return !device->events.empty(); });
  EXPECT_THAT(device->events, ElementsAre("notify 1"));
  // The way of KVM's ioeventfds; several before the loop looks are one.
  device->events.clear();
  const uint64_t one = 1;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(write(transport->queue_event_fds()[2].get(), &one, sizeof(one)), 8);
  }
  RunUntil([&] { return !device->events.empty(); });
  RunFor(1'000);
  EXPECT_THAT(device->events, ElementsAre("notify 2"));
}

TEST_F(MmioTransportLifeTest, IgnoresNotificationsOfNoQueueAndOfAnInactiveDevice) {
  driver->Notify(0);
  RunFor(1'000);
  GoTo(kFeaturesState);
  driver->Notify(0);
  RunFor(1'000);
  EXPECT_THAT(device->events, IsEmpty());
  driver->SetUpQueues();
  driver->SetDriverOk();
  RunUntil([&] { return device->events.size() == 4; });
  driver->Notify(3);
  driver->Notify(0xffffffff);
  RunFor(1'000);
  EXPECT_EQ(device->events.size(), 4u);
}

TEST_F(MmioTransportLifeTest, InterruptsTellWhyUntilAcknowledged) {
  StartWithRings();
  device->transport()->RaiseQueueInterrupt();
  device->transport()->UpdateConfig(std::vector<uint8_t>(10, 9));
  EXPECT_EQ(irq.Take(), 2);
  EXPECT_EQ(driver->ReadRegister(mmio::kInterruptStatus), 3u);
  driver->WriteRegister(mmio::kInterruptAck, mmio::kInterruptQueue);
  EXPECT_EQ(driver->ReadRegister(mmio::kInterruptStatus), mmio::kInterruptConfig);
  driver->WriteRegister(mmio::kInterruptAck, 0xffffffff);
  EXPECT_EQ(driver->ReadRegister(mmio::kInterruptStatus), 0u);
}

TEST_F(MmioTransportLifeTest, AConfigChangeMovesTheGenerationWhichNeverStartsAgain) {
  device->transport()->UpdateConfig(std::vector<uint8_t>(10, 7));
  EXPECT_EQ(driver->ReadRegister(mmio::kConfigGeneration), 1u);
  EXPECT_EQ(irq.Take(), 0);
  StartWithRings();
  device->transport()->UpdateConfig(std::vector<uint8_t>(10, 8));
  EXPECT_EQ(driver->ReadConfig(0, 10), std::vector<uint8_t>(10, 8));
  EXPECT_EQ(irq.Take(), 1);
  Reset();
  EXPECT_EQ(driver->ReadRegister(mmio::kConfigGeneration), 2u);
}

TEST_F(MmioTransportLifeTest, AResetForgetsEverythingThatTheDriverWrote) {
  Start(kRingFeatures | RecordingVirtioDevice::kFeatures);
  device->transport()->RaiseQueueInterrupt();
  Reset();
  EXPECT_EQ(driver->ReadRegister(mmio::kInterruptStatus), 0u);
  EXPECT_EQ(device->events.back(), "deactivate");
  ASSERT_TRUE(driver->Negotiate(kFeatureVersion1));
  for (uint32_t i = 0; i < 3; ++i) {
    driver->WriteRegister(mmio::kQueueSel, i);
    EXPECT_EQ(driver->ReadRegister(mmio::kQueueReady), 0u);
  }
  driver->SetDriverOk();
  RunUntil([&] { return device->events.back() == "notify 2"; });
  EXPECT_EQ(device->active_features, kFeatureVersion1);
  EXPECT_EQ(device->active_queues[0], nullptr);
}

TEST_F(MmioTransportLifeTest, AResetWaitsForIoInFlight) {
  StartWithRings();
  device->holds_io = true;
  std::atomic<int> done_count = 0;
  const auto reset = [&] {
    driver->WriteRegister(mmio::kStatus, 0);
    ++done_count;
  };
  std::thread vcpu(reset);
  RunUntil([&] { return device->is_deactivating(); });
  // A second vCPU waits as well; what others write is ignored.
  std::thread second_vcpu(reset);
  RunFor(5'000);
  EXPECT_EQ(done_count, 0);
  EXPECT_EQ(driver->status(), kRunningState);
  const uint64_t before = ignored_writes();
  driver->WriteRegister(mmio::kStatus, kRunningState | kStatusFailed);
  driver->WriteRegister(mmio::kQueueSel, 1);
  EXPECT_EQ(ignored_writes(), before + 2);
  EXPECT_EQ(driver->status(), kRunningState);
  driver->Notify(0);
  RunFor(1'000);
  EXPECT_EQ(device->events.back(), "deactivate");
  device->FinishIo();
  RunUntil([&] { return done_count == 2; });
  vcpu.join();
  second_vcpu.join();
  EXPECT_EQ(driver->status(), 0u);
  EXPECT_EQ(std::count(device->events.begin(), device->events.end(), "deactivate"), 1);
}

TEST_F(MmioTransportLifeTest, AResetBeforeTheLoopRanKeepsTheDeviceInactive) {
  ASSERT_TRUE(driver->Start(kFeatureVersion1));
  std::thread vcpu([&] { driver->WriteRegister(mmio::kStatus, 0); });
  // From when it waits on, other writes are ignored.
  const uint64_t before = ignored_writes();
  while (ignored_writes() == before) {
    driver->WriteRegister(mmio::kQueueSel, 0);
  }
  RunUntil([&] { return driver->status() == 0; });
  vcpu.join();
  EXPECT_THAT(device->events, IsEmpty());
  EXPECT_EQ(driver->status(), 0u);
  StartWithRings();
  EXPECT_EQ(device->events[0], "activate");
}

TEST_F(MmioTransportLifeTest, StopWaitingLetsGoOfWhoWaits) {
  StartWithRings();
  device->holds_io = true;
  std::atomic<bool> is_done = false;
  std::thread vcpu([&] {
    driver->WriteRegister(mmio::kStatus, 0);
    is_done = true;
  });
  RunUntil([&] { return device->is_deactivating(); });
  EXPECT_FALSE(is_done);
  transport->StopWaiting();
  vcpu.join();
  EXPECT_EQ(driver->status(), kRunningState);
  // On this thread, which is the loop's: it must not wait.
  driver->WriteRegister(mmio::kStatus, 0);
  device->FinishIo();
  RunUntil([&] { return driver->status() == 0; });
}

TEST_F(MmioTransportLifeTest, ADeviceThatNeedsAResetTellsTheDriver) {
  StartWithRings();
  device->transport()->SetNeedsReset("broken");
  EXPECT_EQ(driver->status(), kRunningState | kStatusNeedsReset);
  EXPECT_EQ(driver->TakeInterruptStatus(), mmio::kInterruptConfig);
  EXPECT_EQ(irq.Take(), 1);
  EXPECT_THAT(warnings, ElementsAre("broken"));
  // Nothing but a reset helps.
  driver->WriteRegister(mmio::kStatus, kRunningState);
  EXPECT_TRUE(NeedsReset());
  Reset();
  EXPECT_FALSE(NeedsReset());
}

TEST_F(MmioTransportLifeTest, AGuestCannotFillTheLog) {
  StartWithRings();
  for (int i = 0; i < 1'000; ++i) {
    device->transport()->SetNeedsReset("broken");
  }
  EXPECT_LE(warnings.size(), 10u);
  EXPECT_THAT(warnings.back(), HasSubstr("no more of these"));
  EXPECT_EQ(transport->counters().needs_resets, 1'000u);
}

TEST_F(MmioTransportLifeTest, SurvivesResetsOfTwoVcpusAtOnce) {
  std::atomic<int> running = 2;
  const auto run = [&] {
    for (int i = 0; i < 50; ++i) {
      if (driver->Negotiate(kFeatureVersion1)) {
        driver->WriteQueueRegisters(0, driver->queue(0).state());
        driver->SetDriverOk();
      }
      driver->WriteRegister(mmio::kStatus, 0);
    }
    --running;
  };
  std::thread first(run);
  std::thread second(run);
  RunUntil([&] { return running == 0; });
  first.join();
  second.join();
  EXPECT_EQ(driver->status(), 0u);
  EXPECT_TRUE(device->active_queues.empty());
}

// The driver's last word before the vCPUs stood still is heeded before the device pauses.
TEST_F(MmioTransportLifeTest, PauseActivatesFirstWhatTheDriverSetUp) {
  ASSERT_TRUE(driver->Start(kFeatureVersion1));
  bool is_paused = false;
  transport->Pause([&] { is_paused = true; });
  EXPECT_THAT(device->events, ElementsAre("activate", "notify 0", "notify 1", "notify 2", "pause"));
  RunUntil([&] { return is_paused; });
  transport->Resume();
  EXPECT_EQ(device->events.back(), "resume");
}

}  // namespace
}  // namespace mayfly
