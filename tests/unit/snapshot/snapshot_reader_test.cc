// Reading snapshots: state files, and whether a memory file is of the same one.

#include "snapshot/snapshot_reader.h"

#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "snapshot/state_codec.h"
#include "snapshot/state_file.h"
#include "tests/fakes/example_state.h"
#include "tests/fakes/temporary_folder.h"
#include "tests/fakes/test_memory.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

class ReadSnapshotTest : public testing::Test {
 protected:
  absl::StatusOr<SnapshotState> Read(const std::vector<uint8_t>& bytes) {
    WriteWholeFile(path_, bytes);
    return ReadSnapshot(path_, timeline_);
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_.PathOf("state");
  PhaseTimeline timeline_{MonotonicTimeUs()};
};

TEST_F(ReadSnapshotTest, ReadsAStateFile) {
  const auto state = Read(FrameState(EncodeState(ExampleState())));
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(StateDifference::Of(*state, ExampleState()), "");
}

TEST_F(ReadSnapshotTest, RefusesAFileThatIsMissingDamagedOrNoState) {
  EXPECT_EQ(ReadSnapshot(path_, timeline_).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Read({}).status().code(), absl::StatusCode::kOutOfRange);
  std::vector<uint8_t> file = FrameState(EncodeState(ExampleState()));
  file[100] ^= 1;
  EXPECT_EQ(Read(file).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Read(FrameState(std::vector<uint8_t>(100))).status().message(),
              testing::HasSubstr("structure is broken"));
}

TEST(CheckMemoryBelongsTest, TellsByTheId) {
  const GuestMemory memory = MakeTestMemory(uint64_t{1} << 20);
  SnapshotState state = ExampleState();
  EXPECT_EQ(CheckMemoryBelongs(memory, state).code(), absl::StatusCode::kDataLoss);
  const std::span<const uint8_t> id(reinterpret_cast<const uint8_t*>(state.id.data()),
                                    sizeof(state.id));
  ASSERT_TRUE(memory.Write(layout::kSnapshotId, id).ok());
  EXPECT_TRUE(CheckMemoryBelongs(memory, state).ok());
  for (uint64_t& half : state.id) {
    half ^= 1;
    EXPECT_EQ(CheckMemoryBelongs(memory, state).code(), absl::StatusCode::kDataLoss);
    half ^= 1;
  }
}

TEST(CheckMemoryBelongsTest, MemoryThatHasNoPlaceForAnIdDoesNotBelong) {
  EXPECT_FALSE(CheckMemoryBelongs(MakeTestMemory(uint64_t{64} << 10), ExampleState()).ok());
}

}  // namespace
}  // namespace mayfly
