// WorkingSetTracker: when a working set is used, when it is recorded, and what is said of it.

#include "snapshot/working_set_tracker.h"

#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "base/clock.h"
#include "base/timer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "snapshot/page_map.h"
#include "snapshot/working_set_file.h"
#include "tests/fakes/temporary_folder.h"
#include "tests/unit/base/loop_fixture.h"
#include "tests/unit/snapshot/snapshot_memory.h"

namespace mayfly {
namespace {

using testing::HasSubstr;

constexpr uint64_t kPageCount = 1024;
constexpr uint64_t kSnapshotId = 42;

class WorkingSetTrackerTest : public LoopTest {
 protected:
  void SetUp() override {
    LoopTest::SetUp();
    WriteWholeFile(path_, std::vector<uint8_t>(kPageCount * kPage, 7));
    memory_ = MapTestFile(path_, TwoRanges(1000, 24));
  }

  std::unique_ptr<WorkingSetTracker> Track(WorkingSetMode mode,
                                           std::optional<uint64_t> record_after_ms = {}) {
    return std::make_unique<WorkingSetTracker>(
        loop.get(), &memory_,
        WorkingSetTracker::Options{
            .mode = mode,
            .memory_path = path_,
            .snapshot_id = kSnapshotId,
            .record_after_ms = record_after_ms,
            .on_note = [this](absl::string_view note) { notes_.emplace_back(note); }});
  }

  void WriteSet(uint64_t snapshot_id) {
    WorkingSet set{PageSet(kPageCount), PageSet(kPageCount)};
    set.read.AddRun({10, 5});
    set.written.AddRun({1010, 3});
    ASSERT_TRUE(WorkingSetFile::Write(set_path_, set, snapshot_id).ok());
  }

  // Lets the loop turn for a little.
  void Idle() {
    bool is_over = false;
    Timer timer(loop.get(), [&] { is_over = true; });
    timer.Set(MonotonicTimeUs() + 20'000);
    RunUntil([&] { return is_over; });
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_.PathOf("memory");
  const std::string set_path_ = WorkingSetFile::PathOf(path_);
  std::vector<std::string> notes_;
  GuestMemory memory_;
};

INSTANTIATE_TEST_SUITE_P(Setups, WorkingSetTrackerTest,
                         testing::Values(Ring::Setup::kBest, Ring::Setup::kMinimal), SetupName);

TEST_P(WorkingSetTrackerTest, UsesTheSetOfTheSnapshot) {
  WriteSet(kSnapshotId);
  const auto tracker = Track(WorkingSetMode::kUse);
  tracker->Start();
  RunUntil([&] { return !notes_.empty(); });
  if (absl::StrContains(notes_[0], "MADV_POPULATE_READ")) {
    GTEST_SKIP() << "this kernel has no MADV_POPULATE_READ";
  }
  EXPECT_THAT(notes_[0], HasSubstr("working set: 8 pages in "));
  const auto map = PageMap::Read(memory_);
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(Members((*map)->own), (std::vector<uint64_t>{1010, 1011, 1012}));
}

TEST_P(WorkingSetTrackerTest, SaysNothingWhenThereIsNone) {
  const auto tracker = Track(WorkingSetMode::kUse);
  tracker->Start();
  Idle();
  EXPECT_THAT(notes_, testing::IsEmpty());
}

TEST_P(WorkingSetTrackerTest, DoesNotUseASetThatIsDamagedOrOfAnotherSnapshot) {
  WriteSet(kSnapshotId + 1);
  Track(WorkingSetMode::kUse)->Start();
  WriteWholeFile(set_path_, {1, 2, 3});
  Track(WorkingSetMode::kUse)->Start();
  ASSERT_EQ(notes_.size(), 2u);
  EXPECT_THAT(notes_[0], HasSubstr("working set: not used: " + set_path_));
  EXPECT_THAT(notes_[0], HasSubstr("of another snapshot"));
  EXPECT_THAT(notes_[1], HasSubstr("is no working set"));
}

TEST_P(WorkingSetTrackerTest, CanBeDestroyedWhileItPopulates) {
  WriteSet(kSnapshotId);
  Track(WorkingSetMode::kUse)->Start();
  Idle();
  EXPECT_THAT(notes_, testing::IsEmpty());
}

TEST_P(WorkingSetTrackerTest, IgnoresASetWhenToldTo) {
  WriteSet(kSnapshotId);
  const auto tracker = Track(WorkingSetMode::kIgnore);
  tracker->Start();
  Idle();
  EXPECT_THAT(notes_, testing::IsEmpty());
  EXPECT_EQ((*PageMap::Read(memory_))->own.Count(), 0u);
  EXPECT_EQ(tracker->Record().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Track(WorkingSetMode::kUse)->Record().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_P(WorkingSetTrackerTest, RecordsWhenAsked) {
  const auto tracker = Track(WorkingSetMode::kRecord);
  tracker->Start();
  (void)ReadPage(memory_, 500);
  FillPage(memory_, 1000, 1);
  ASSERT_TRUE(tracker->Record().ok());
  const auto set = WorkingSetFile::Read(set_path_, kSnapshotId, kPageCount);
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_TRUE(set->read.Contains(500));
  EXPECT_EQ(Members(set->written), std::vector<uint64_t>{1000});
  EXPECT_THAT(notes_, testing::ElementsAre(HasSubstr("pages read and 1 written")));
  // Again, with what came since.
  FillPage(memory_, 1001, 1);
  ASSERT_TRUE(tracker->Record().ok());
  EXPECT_EQ(WorkingSetFile::Read(set_path_, kSnapshotId, kPageCount)->written.Count(), 2u);
}

TEST_P(WorkingSetTrackerTest, RecordingDoesNotUseAnOldSet) {
  WriteSet(kSnapshotId);
  const auto tracker = Track(WorkingSetMode::kRecord);
  tracker->Start();
  Idle();
  EXPECT_EQ((*PageMap::Read(memory_))->own.Count(), 0u);
  ASSERT_TRUE(tracker->Record().ok());
  EXPECT_EQ(WorkingSetFile::Read(set_path_, kSnapshotId, kPageCount)->written.Count(), 0u);
}

TEST_P(WorkingSetTrackerTest, RecordsAfterATime) {
  const auto tracker = Track(WorkingSetMode::kRecord, 10);
  tracker->Start();
  FillPage(memory_, 3, 1);
  EXPECT_TRUE(ReadWholeFile(set_path_).empty()) << "not inside Start";
  RunUntil([&] { return !notes_.empty(); });
  const auto set = WorkingSetFile::Read(set_path_, kSnapshotId, kPageCount);
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_EQ(Members(set->written), std::vector<uint64_t>{3});
}

TEST_P(WorkingSetTrackerTest, RecordingByHandComesInsteadOfTheTime) {
  const auto tracker = Track(WorkingSetMode::kRecord, 1);
  tracker->Start();
  ASSERT_TRUE(tracker->Record().ok());
  Idle();
  EXPECT_EQ(notes_.size(), 1u);
}

TEST_P(WorkingSetTrackerTest, TheLongestTimesDoNotPass) {
  for (const uint64_t after_ms :
       {std::numeric_limits<uint64_t>::max(), uint64_t{1} << 63, uint64_t{1} << 54}) {
    const auto tracker = Track(WorkingSetMode::kRecord, after_ms);
    tracker->Start();
    Idle();
    EXPECT_THAT(notes_, testing::IsEmpty()) << after_ms;
  }
}

TEST_P(WorkingSetTrackerTest, TellsWhyItWasNotRecorded) {
  const auto tracker = Track(WorkingSetMode::kRecord, 0);
  std::filesystem::create_directory(set_path_);
  EXPECT_FALSE(tracker->Record().ok());
  EXPECT_THAT(notes_, testing::IsEmpty()) << "the caller knows";
  tracker->Start();
  RunUntil([&] { return !notes_.empty(); });
  EXPECT_THAT(notes_[0], HasSubstr("working set: not recorded: " + set_path_));
}

}  // namespace
}  // namespace mayfly
