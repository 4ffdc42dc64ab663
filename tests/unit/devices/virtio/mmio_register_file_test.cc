// MmioRegisterFile: every step off the legal way is ignored.

#include "devices/virtio/mmio_register_file.h"

#include <iterator>
#include <string>
#include <vector>

#include "devices/virtio/mmio_registers.h"
#include "devices/virtio/virtio_ids.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using Effect = MmioRegisterFile::Effect;

constexpr uint64_t kOffered = kFeatureVersion1 | FeatureBit(5) | FeatureBit(40);

class MmioRegisterFileTest : public testing::Test {
 protected:
  Effect Write(uint64_t offset, uint32_t value) { return registers_.Write(offset, value); }
  uint32_t Status() const { return registers_.Read(mmio::kStatus); }

  void AcceptFeatures(uint64_t features) {
    Write(mmio::kDriverFeaturesSel, 0);
    Write(mmio::kDriverFeatures, static_cast<uint32_t>(features));
    Write(mmio::kDriverFeaturesSel, 1);
    Write(mmio::kDriverFeatures, static_cast<uint32_t>(features >> 32));
  }

  // As far as a status of `last`.
  void GoTo(uint32_t last) {
    for (const uint32_t status : {1u, 3u, 11u, 15u}) {
      if (status > last) {
        return;
      }
      if (status == 11) {
        AcceptFeatures(kOffered);
      }
      Write(mmio::kStatus, status);
    }
  }

  MmioRegisterFile registers_{kOffered, 2};
};

TEST_F(MmioRegisterFileTest, TheLegalWayEndsInActivation) {
  EXPECT_EQ(Write(mmio::kStatus, 1), Effect::kNone);
  EXPECT_EQ(Write(mmio::kStatus, 3), Effect::kNone);
  AcceptFeatures(kOffered);
  EXPECT_EQ(Write(mmio::kStatus, 11), Effect::kNone);
  EXPECT_EQ(Write(mmio::kStatus, 15), Effect::kActivate);
  EXPECT_EQ(Status(), 15u);
  EXPECT_EQ(registers_.driver_features(), kOffered);
}

TEST_F(MmioRegisterFileTest, EveryOtherStepOfTheStatusIsIgnored) {
  for (const uint32_t from : {0u, 1u, 3u, 11u, 15u}) {
    for (uint32_t to = 1; to < 0x80; ++to) {
      const bool is_next = (from == 0 && to == 1) || (from == 1 && to == 3) ||
                           (from == 3 && to == 11) || (from == 11 && to == 15);
      if (is_next || to == from) {
        continue;
      }
      registers_.Clear();
      if (from != 0) {
        GoTo(from);
      }
      ASSERT_EQ(Status(), from);
      EXPECT_EQ(Write(mmio::kStatus, to), Effect::kIgnored) << from << " to " << to;
      EXPECT_EQ(Status(), from);
    }
  }
}

TEST_F(MmioRegisterFileTest, FeaturesOkIsRefusedForMoreThanOfferedOrWithoutVersion1) {
  for (const uint64_t features :
       {kOffered | FeatureBit(6), kOffered | FeatureBit(63), FeatureBit(5), uint64_t{0}}) {
    registers_.Clear();
    GoTo(3);
    AcceptFeatures(features);
    EXPECT_EQ(Write(mmio::kStatus, 11), Effect::kIgnored);
    EXPECT_EQ(Status(), 3u);
  }
}

TEST_F(MmioRegisterFileTest, FailedStaysUntilTheReset) {
  GoTo(3);
  EXPECT_EQ(Write(mmio::kStatus, 0x83), Effect::kNone);
  EXPECT_EQ(Status(), 0x83u);
  EXPECT_EQ(Write(mmio::kStatus, 11), Effect::kIgnored);
  EXPECT_EQ(Write(mmio::kStatus, 0), Effect::kReset);
  registers_.Clear();
  EXPECT_EQ(Status(), 0u);
  EXPECT_EQ(registers_.driver_features(), 0u);
}

TEST_F(MmioRegisterFileTest, FeaturesAreTakenOnlyInStateDriver) {
  for (const uint32_t status : {0u, 1u, 11u, 15u}) {
    registers_.Clear();
    if (status != 0) {
      GoTo(status);
    }
    const uint64_t before = registers_.driver_features();
    Write(mmio::kDriverFeaturesSel, 0);
    EXPECT_EQ(Write(mmio::kDriverFeatures, 0xffffffff), Effect::kIgnored) << status;
    EXPECT_EQ(registers_.driver_features(), before);
  }
}

TEST_F(MmioRegisterFileTest, ThereAreTwoPagesOfFeatures) {
  GoTo(3);
  Write(mmio::kDriverFeaturesSel, 2);
  EXPECT_EQ(Write(mmio::kDriverFeatures, 1), Effect::kIgnored);
  Write(mmio::kDeviceFeaturesSel, 1);
  EXPECT_EQ(registers_.Read(mmio::kDeviceFeatures), 1u | 1u << 8);
  Write(mmio::kDeviceFeaturesSel, 2);
  EXPECT_EQ(registers_.Read(mmio::kDeviceFeatures), 0u);
}

// CVE-2026-5747: size and addresses changed once the device uses them.
TEST_F(MmioRegisterFileTest, Cve2026_5747_QueueRegistersAreFrozenWhenReadyAndAfterDriverOk) {
  constexpr uint64_t kQueueRegisters[] = {
      mmio::kQueueNum,        mmio::kQueueDescLow,   mmio::kQueueDescHigh,  mmio::kQueueDriverLow,
      mmio::kQueueDriverHigh, mmio::kQueueDeviceLow, mmio::kQueueDeviceHigh};
  GoTo(11);
  for (const uint64_t offset : kQueueRegisters) {
    EXPECT_EQ(Write(offset, 0x100), Effect::kNone) << offset;
  }
  EXPECT_EQ(Write(mmio::kQueueReady, 1), Effect::kNone);
  for (const uint64_t offset : kQueueRegisters) {
    EXPECT_EQ(Write(offset, 0x7000), Effect::kIgnored) << offset;
  }
  EXPECT_EQ(Write(mmio::kStatus, 15), Effect::kActivate);
  EXPECT_EQ(Write(mmio::kQueueReady, 0), Effect::kIgnored);
  Write(mmio::kQueueSel, 1);
  for (const uint64_t offset : kQueueRegisters) {
    EXPECT_EQ(Write(offset, 0x7000), Effect::kIgnored) << offset;
  }
  const VirtQueueState& queue = registers_.queues()[0];
  EXPECT_EQ(queue.guest_size, 0x100u);
  EXPECT_EQ(queue.guest_descriptors, GuestAddress(0x100'0000'0100));
  EXPECT_EQ(queue.guest_avail, GuestAddress(0x100'0000'0100));
  EXPECT_EQ(queue.guest_used, GuestAddress(0x100'0000'0100));
  EXPECT_TRUE(queue.is_ready);
}

TEST_F(MmioRegisterFileTest, AQueueThatIsNotThereHasNoRegisters) {
  GoTo(11);
  for (const uint32_t index : {2u, 0xffffffffu}) {
    Write(mmio::kQueueSel, index);
    EXPECT_EQ(registers_.Read(mmio::kQueueNumMax), 0u);
    EXPECT_EQ(registers_.Read(mmio::kQueueReady), 0u);
    EXPECT_EQ(Write(mmio::kQueueNum, 8), Effect::kIgnored);
    EXPECT_EQ(Write(mmio::kQueueReady, 1), Effect::kIgnored);
  }
}

TEST_F(MmioRegisterFileTest, RestoresEveryLegalState) {
  for (const uint32_t status : {0u, 1u, 3u, 11u, 15u}) {
    for (const uint32_t more : {0u, kStatusFailed, kStatusNeedsReset}) {
      if (more == kStatusNeedsReset && status != 15) {
        continue;
      }
      registers_.Clear();
      GoTo(status);
      if (status == 11) {
        Write(mmio::kQueueSel, 1);
        Write(mmio::kQueueNum, 0xdeadbeef);
        Write(mmio::kQueueReady, 1);
      }
      if (more == kStatusFailed) {
        Write(mmio::kStatus, kStatusFailed);
      } else if (more == kStatusNeedsReset) {
        registers_.SetNeedsReset();
      }
      const MmioRegisterState state = registers_.State();
      EXPECT_EQ(state.status, status | more);
      MmioRegisterFile restored(kOffered, 2);
      ASSERT_TRUE(restored.Restore(state).ok()) << state.status;
      EXPECT_EQ(restored.State(), state);
      EXPECT_EQ(restored.is_running(), status == 15 && more != kStatusNeedsReset);
    }
  }
}

TEST_F(MmioRegisterFileTest, KeepsNoProgressOfQueues) {
  GoTo(15);
  MmioRegisterState state = registers_.State();
  state.queues[1] = {.guest_size = 8, .is_ready = true, .next_avail = 7, .next_used = 6};
  state.queues[1].taken_heads = {3};
  MmioRegisterFile restored(kOffered, 2);
  ASSERT_TRUE(restored.Restore(state).ok());
  EXPECT_EQ(restored.State().queues[1], (VirtQueueState{.guest_size = 8, .is_ready = true}));
}

TEST_F(MmioRegisterFileTest, NamesFeaturesThatAreMissing) {
  GoTo(15);
  MmioRegisterFile fewer(kFeatureVersion1 | FeatureBit(6), 2);
  const absl::Status status = fewer.Restore(registers_.State());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("bits 5, 40"), std::string::npos) << status;
}

TEST_F(MmioRegisterFileTest, RefusesImpossibleStates) {
  struct Case {
    uint32_t status;
    void (*change)(MmioRegisterState& state);
  };
  const Case cases[] = {
      {0, [](MmioRegisterState& state) { state.status = 2; }},
      {0, [](MmioRegisterState& state) { state.status = 0x10; }},
      {0, [](MmioRegisterState& state) { state.status = 0x100; }},
      {0, [](MmioRegisterState& state) { state.status = 0x80000000; }},
      {15, [](MmioRegisterState& state) { state.status = 7; }},
      {11, [](MmioRegisterState& state) { state.status = 11 | kStatusNeedsReset; }},
      {1, [](MmioRegisterState& state) { state.driver_features = 1; }},
      {11, [](MmioRegisterState& state) { state.driver_features = FeatureBit(5); }},
      {11, [](MmioRegisterState& state) { state.driver_features |= FeatureBit(63); }},
      {15, [](MmioRegisterState& state) { state.queues.pop_back(); }},
      {15, [](MmioRegisterState& state) { state.queues.emplace_back(); }},
      {3, [](MmioRegisterState& state) { state.queues[0].guest_size = 1; }},
      {3, [](MmioRegisterState& state) { state.queues[1].guest_used = GuestAddress(16); }},
      {11, [](MmioRegisterState& state) { state.queues[0] = {.is_ready = true, .next_avail = 1}; }},
      {15, [](MmioRegisterState& state) { state.queues[0].next_used = 1; }},
      {15, [](MmioRegisterState& state) { state.queues[0].taken_heads = {0}; }},
      {15,
       [](MmioRegisterState& state) {
         state.status |= kStatusNeedsReset;
         state.queues[0] = {.is_ready = true, .next_avail = 1, .next_used = 1};
       }},
  };
  for (size_t i = 0; i < std::size(cases); ++i) {
    registers_.Clear();
    GoTo(cases[i].status);
    MmioRegisterState state = registers_.State();
    cases[i].change(state);
    MmioRegisterFile restored(kOffered, 2);
    EXPECT_EQ(restored.Restore(state).code(), absl::StatusCode::kInvalidArgument) << i;
    EXPECT_EQ(restored.State(), MmioRegisterFile(kOffered, 2).State()) << i;
  }
}

}  // namespace
}  // namespace mayfly
