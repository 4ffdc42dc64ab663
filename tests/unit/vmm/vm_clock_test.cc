// VmClock: the page at the ABI's offsets, updates as readers see them, and states that are checked.

#include "vmm/vm_clock.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/recording_irq_line.h"
#include "tests/fakes/test_memory.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

constexpr uint64_t kRamBytes = uint64_t{1} << 20;
// Offsets of struct vmclock_abi.
constexpr uint64_t kSequenceCount = 12;
constexpr uint64_t kDisruptionMarker = 16;
constexpr uint64_t kGenerationCounter = 104;
constexpr size_t kAbiBytes = 112;

class VmClockTest : public ::testing::Test {
 protected:
  template <typename T>
  T Field(uint64_t offset, GuestAddress page = layout::kVmClock) {
    const auto value = memory.ReadObject<T>(GuestAddress(page.value() + offset));
    EXPECT_TRUE(value.ok()) << value.status();
    return value.value_or(T{});
  }

  std::vector<uint8_t> Page(GuestAddress page = layout::kVmClock) {
    std::vector<uint8_t> bytes(layout::kVmClockSizeBytes);
    EXPECT_TRUE(memory.Read(page, bytes).ok());
    return bytes;
  }

  std::string Refusal(const VmClockState& state) {
    const auto clock = VmClock::Restore(state, memory, &irq);
    EXPECT_EQ(clock.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(clock.status().message());
  }

  GuestMemory memory = MakeTestMemory(kRamBytes);
  RecordingIrqLine irq;
};

TEST_F(VmClockTest, CreateWritesAPageThatTellsNoTime) {
  const auto clock = VmClock::Create(memory, &irq);
  ASSERT_TRUE(clock.ok()) << clock.status();
  std::vector<uint8_t> expected = {'V', 'C', 'L', 'K', 0, 0x10, 0, 0, 1, 0, 0xff, 0};
  expected.resize(layout::kVmClockSizeBytes);
  expected[25] = 0x03;  // generation counter and notification present
  EXPECT_EQ(Page(), expected);
  EXPECT_EQ(clock->State().address, layout::kVmClock);
  EXPECT_EQ(irq.Take(), 0);
}

TEST_F(VmClockTest, EachRenewalChangesAllThreeNumbers) {
  auto clock = VmClock::Create(memory, &irq);
  ASSERT_TRUE(clock.ok()) << clock.status();
  for (uint32_t i = 1; i <= 3; ++i) {
    clock->Renew();
    EXPECT_EQ(Field<uint32_t>(kSequenceCount), 2 * i);
    EXPECT_EQ(Field<uint64_t>(kDisruptionMarker), i);
    EXPECT_EQ(Field<uint64_t>(kGenerationCounter), i);
  }
  EXPECT_EQ(irq.Take(), 0);
  clock->Notify();
  EXPECT_EQ(irq.Take(), 1);
}

TEST_F(VmClockTest, ARestoredClockGoesOnFromItsStateWhateverTheGuestWrote) {
  auto saved = VmClock::Create(memory, &irq);
  ASSERT_TRUE(saved.ok()) << saved.status();
  saved->Renew();
  const std::vector<uint8_t> junk(layout::kVmClockSizeBytes, 0xa5);
  ASSERT_TRUE(memory.Write(layout::kVmClock, junk).ok());

  auto clock = VmClock::Restore(saved->State(), memory, &irq);
  ASSERT_TRUE(clock.ok()) << clock.status();
  EXPECT_EQ(Page(), junk);
  clock->Renew();
  EXPECT_EQ(Field<uint32_t>(0), 0x4b4c4356u);
  EXPECT_EQ(Field<uint32_t>(kSequenceCount), 4u);
  EXPECT_EQ(Field<uint64_t>(kDisruptionMarker), 2u);
  EXPECT_EQ(Field<uint64_t>(kGenerationCounter), 2u);
  const std::vector<uint8_t> page = Page();
  EXPECT_THAT(std::vector<uint8_t>(page.begin() + 26, page.begin() + kGenerationCounter), Each(0));
  EXPECT_THAT(std::vector<uint8_t>(page.begin() + kAbiBytes, page.end()), Each(0));
}

TEST_F(VmClockTest, CountersWrapAround) {
  const VmClockState state = {.address = GuestAddress(kRamBytes - layout::kVmClockSizeBytes),
                              .sequence_count = UINT32_MAX - 1,
                              .disruption_marker = UINT64_MAX,
                              .generation_counter = UINT64_MAX};
  auto clock = VmClock::Restore(state, memory, &irq);
  ASSERT_TRUE(clock.ok()) << clock.status();
  clock->Renew();
  EXPECT_EQ(Field<uint32_t>(kSequenceCount, state.address), 0u);
  EXPECT_EQ(Field<uint64_t>(kDisruptionMarker, state.address), 0u);
  EXPECT_EQ(Field<uint64_t>(kGenerationCounter, state.address), 0u);
}

TEST_F(VmClockTest, RefusesStatesThatNoClockHas) {
  EXPECT_THAT(Refusal({.address = GuestAddress(0x800)}), HasSubstr("not aligned"));
  EXPECT_THAT(Refusal({.address = GuestAddress(kRamBytes)}), HasSubstr("VM clock"));
  EXPECT_THAT(Refusal({.address = GuestAddress(UINT64_MAX - 0xfff)}), HasSubstr("VM clock"));
  EXPECT_THAT(Refusal({.address = layout::kVmClock, .sequence_count = 3}), HasSubstr("odd"));
}

}  // namespace
}  // namespace mayfly
