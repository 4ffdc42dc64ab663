// VmGeneration: ids are random and new each time, and states are checked.

#include "vmm/vm_generation.h"

#include <array>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/recording_irq_line.h"
#include "tests/fakes/test_memory.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kRamBytes = uint64_t{1} << 20;
using Id = std::array<uint8_t, VmGeneration::kIdBytes>;

class VmGenerationTest : public ::testing::Test {
 protected:
  Id IdAt(GuestAddress address) {
    Id id;
    EXPECT_TRUE(memory.Read(address, id).ok());
    return id;
  }

  std::string Refusal(GuestAddress address) {
    const auto generation = VmGeneration::Restore({address}, memory, &irq);
    EXPECT_EQ(generation.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(generation.status().message());
  }

  GuestMemory memory = MakeTestMemory(kRamBytes);
  RecordingIrqLine irq;
};

TEST_F(VmGenerationTest, CreateWritesAnIdAndIsQuiet) {
  const auto generation = VmGeneration::Create(memory, &irq);
  ASSERT_TRUE(generation.ok()) << generation.status();
  EXPECT_EQ(generation->State().address, layout::kVmGenId);
  EXPECT_NE(IdAt(layout::kVmGenId), Id{});
  EXPECT_EQ(irq.Take(), 0);
}

TEST_F(VmGenerationTest, EachRenewalIsAnotherId) {
  auto generation = VmGeneration::Create(memory, &irq);
  ASSERT_TRUE(generation.ok()) << generation.status();
  std::set<Id> ids = {IdAt(layout::kVmGenId)};
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(generation->Renew().ok());
    EXPECT_TRUE(ids.insert(IdAt(layout::kVmGenId)).second);
  }
  EXPECT_EQ(irq.Take(), 0);
}

TEST_F(VmGenerationTest, NotifyIsOneEdge) {
  auto generation = VmGeneration::Create(memory, &irq);
  ASSERT_TRUE(generation.ok()) << generation.status();
  const Id before = IdAt(layout::kVmGenId);
  generation->Notify();
  EXPECT_EQ(irq.Take(), 1);
  EXPECT_EQ(IdAt(layout::kVmGenId), before);
}

TEST_F(VmGenerationTest, RestoreLeavesTheIdAndRenewWritesNothingElse) {
  const GuestAddress address(kRamBytes - VmGeneration::kIdBytes);
  auto generation = VmGeneration::Restore({address}, memory, &irq);
  ASSERT_TRUE(generation.ok()) << generation.status();
  EXPECT_EQ(generation->State().address, address);
  EXPECT_EQ(IdAt(address), Id{});
  ASSERT_TRUE(generation->Renew().ok());
  EXPECT_NE(IdAt(address), Id{});
  EXPECT_EQ(IdAt(GuestAddress(address.value() - VmGeneration::kIdBytes)), Id{});
}

TEST_F(VmGenerationTest, RefusesStatesThatAreNotInRam) {
  EXPECT_THAT(Refusal(GuestAddress(4)), HasSubstr("not aligned"));
  EXPECT_THAT(Refusal(GuestAddress(kRamBytes)), HasSubstr("VM generation id"));
  EXPECT_THAT(Refusal(GuestAddress(kRamBytes - 8)), HasSubstr("VM generation id"));
  EXPECT_THAT(Refusal(GuestAddress(UINT64_MAX - 7)), HasSubstr("VM generation id"));
}

}  // namespace
}  // namespace mayfly
