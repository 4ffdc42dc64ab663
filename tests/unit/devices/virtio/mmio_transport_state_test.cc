// MmioTransport: saved and restored in every state, and states that nobody saved.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/chain_builder.h"
#include "tests/unit/devices/virtio/mmio_transport_fixture.h"

namespace mayfly {
namespace {

using Strings = std::vector<std::string>;

class MmioTransportStateTest : public MmioTransportTest {
 protected:
  void GoToRunning() {
    GoTo(kRunningState);
    RunUntil([&] { return transport->counters().activations == 1; });
  }
  void RestoreNew(const Snapshot& snapshot) {
    Restore(snapshot, MakeDevice());
    irq.Take();
  }
  std::unique_ptr<RecordingVirtioDevice> MakeDevice() {
    auto owned = std::make_unique<RecordingVirtioDevice>(loop.get());
    device = owned.get();
    return owned;
  }
};

TEST_F(MmioTransportStateTest, EveryLegalStateIsTheSameAfterwards) {
  for (const uint32_t status : {0u, kStatusAcknowledge, kDriverState, kFeaturesState}) {
    AttachNew();
    GoTo(status);
    const Snapshot snapshot = TakeSnapshot();
    RestoreNew(snapshot);
    EXPECT_EQ(transport->State(), snapshot.state);
    EXPECT_EQ(driver->status(), status);
    transport->Resume();
    EXPECT_EQ(device->events, (Strings{"pause", "resume"}));
    EXPECT_EQ(irq.Take(), 0);
    // The driver goes on where it was.
    if (status == kFeaturesState) {
      driver->SetUpQueues();
      driver->SetDriverOk();
      RunUntil([&] { return transport->counters().activations == 1; });
    }
  }
}

TEST_F(MmioTransportStateTest, AnActiveDeviceIsActivePausedAndHasItsProgress) {
  GoToRunning();
  driver->queue(1).Add(ChainBuilder().Writable(driver->Allocate(16), 16).Build());
  driver->queue(1).Add(ChainBuilder().Writable(driver->Allocate(16), 16).Build());
  DescriptorChain chain;
  ASSERT_TRUE(device->active_queues[1]->Pop(chain).value());
  device->active_queues[1]->PushUsed(chain.head, 0);
  device->active_queues[1]->Publish();
  ASSERT_TRUE(device->active_queues[1]->Pop(chain).value());
  const uint16_t taken = chain.head;
  const Snapshot snapshot = TakeSnapshot();
  EXPECT_EQ(snapshot.state.registers.queues[1].taken_heads, std::vector<uint16_t>{taken});

  RestoreNew(snapshot);
  EXPECT_EQ(transport->State(), snapshot.state);
  EXPECT_EQ(device->events, (Strings{"pause", "activate"}));
  EXPECT_EQ(device->active_features, kFeatureVersion1);
  RunFor(500);
  EXPECT_EQ(irq.Take(), 0);
  transport->Resume();
  EXPECT_EQ(device->events.back(), "resume");
  EXPECT_EQ(irq.Take(), 0);
  ASSERT_TRUE(device->active_queues[1]->Pop(chain).value());
  EXPECT_EQ(chain.head, taken);
  // Notifications come through, and a reset works.
  driver->Notify(2);
  RunUntil([&] { return device->events.back() == "notify 2"; });
  Reset();
  EXPECT_EQ(device->events.back(), "deactivate");
  EXPECT_TRUE(transport->State().registers.queues[1].taken_heads.empty());
}

TEST_F(MmioTransportStateTest, APendingInterruptComesAgainWithResume) {
  GoToRunning();
  device->transport()->RaiseQueueInterrupt();
  const Snapshot snapshot = TakeSnapshot();
  RestoreNew(snapshot);
  RunFor(500);
  EXPECT_EQ(irq.Take(), 0);
  transport->Resume();
  EXPECT_EQ(irq.Take(), 1);
  EXPECT_EQ(driver->TakeInterruptStatus(), mmio::kInterruptQueue);
  transport->Resume();
  EXPECT_EQ(irq.Take(), 0);
}

TEST_F(MmioTransportStateTest, AnotherConfigurationIsToldWithResume) {
  GoToRunning();
  device->transport()->UpdateConfig({9, 9, 9, 9, 9, 9, 9, 9, 9, 9});
  driver->TakeInterruptStatus();
  const Snapshot snapshot = TakeSnapshot();
  EXPECT_EQ(snapshot.state.config_generation, 1u);
  RestoreNew(snapshot);
  RunFor(500);
  EXPECT_EQ(irq.Take(), 0);
  transport->Resume();
  EXPECT_EQ(irq.Take(), 1);
  EXPECT_EQ(driver->TakeInterruptStatus(), mmio::kInterruptConfig);
  EXPECT_EQ(driver->ReadRegister(mmio::kConfigGeneration), 2u);
  EXPECT_EQ(driver->ReadConfig(0, 10), device->config());
}

TEST_F(MmioTransportStateTest, ABrokenDeviceStaysBrokenUntilItsReset) {
  GoToRunning();
  device->transport()->SetNeedsReset("test");
  const Snapshot snapshot = TakeSnapshot();
  RestoreNew(snapshot);
  EXPECT_EQ(transport->State(), snapshot.state);
  transport->Resume();
  EXPECT_EQ(irq.Take(), 1);
  EXPECT_TRUE(NeedsReset());
  driver->Notify(0);
  RunFor(500);
  EXPECT_EQ(device->events, (Strings{"pause", "resume"}));
  Reset();
  GoTo(kRunningState);
  RunUntil([&] { return device->events.back() == "notify 2"; });
}

TEST_F(MmioTransportStateTest, ADriverThatGaveUpIsKept) {
  GoToRunning();
  driver->WriteRegister(mmio::kStatus, kRunningState | kStatusFailed);
  const Snapshot snapshot = TakeSnapshot();
  RestoreNew(snapshot);
  EXPECT_EQ(transport->State(), snapshot.state);
  EXPECT_EQ(driver->status(), kRunningState | kStatusFailed);
}

TEST_F(MmioTransportStateTest, WhatIsInUseIsNotRestored) {
  GoToRunning();
  const Snapshot snapshot = TakeSnapshot();
  EXPECT_EQ(transport->Restore(snapshot.state).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(MmioTransportStateTest, ImpossibleStatesAreRefusedAndChangeNothing) {
  GoToRunning();
  const MmioTransportState good = TakeSnapshot().state;
  const std::function<void(MmioTransportState&)> changes[] = {
      [](MmioTransportState& state) { state.interrupt_status = 4; },
      [](MmioTransportState& state) { state.interrupt_status = 0x80000001; },
      [](MmioTransportState& state) { state.config.pop_back(); },
      [](MmioTransportState& state) { state.config.push_back(0); },
      [](MmioTransportState& state) { state.registers.status = 5; },
      [](MmioTransportState& state) { state.registers.driver_features |= FeatureBit(20); },
      [](MmioTransportState& state) { state.registers.queues.clear(); },
      [](MmioTransportState& state) { state.registers.queues[2].guest_size = 3; },
      [](MmioTransportState& state) {
        state.registers.queues[2].guest_used = GuestAddress(kRamBytes);
      },
      [](MmioTransportState& state) { state.registers.queues[2].next_avail = 1; },
      [](MmioTransportState& state) {
        state.registers.queues[0].next_avail = 1;
        state.registers.queues[0].taken_heads = {kQueueMaxSize};
      },
  };
  for (const auto& change : changes) {
    MmioTransportState state = good;
    change(state);
    CreateTransport(MakeDevice());
    const MmioTransportState before = transport->State();
    EXPECT_EQ(transport->Restore(state).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(transport->State(), before);
    EXPECT_TRUE(device->events.empty());
    // What was refused does no harm to what comes next.
    EXPECT_TRUE(transport->Restore(good).ok());
  }
}

}  // namespace
}  // namespace mayfly
