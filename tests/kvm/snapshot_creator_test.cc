// SnapshotCreator: snapshots of real guests, which are whole or not there, and from which they go
// on.

#include "snapshot/snapshot_creator.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "snapshot/data_extent.h"
#include "snapshot/memory_file.h"
#include "snapshot/memory_merge.h"
#include "snapshot/snapshot_reader.h"
#include "tests/fakes/elf_builder.h"
#include "tests/fakes/recording_serial_sink.h"
#include "tests/fakes/temporary_file.h"
#include "tests/fakes/temporary_folder.h"
#include "tests/guests/guests.h"
#include "tests/kvm/bare_vm.h"

namespace mayfly {
namespace {

using Kind = MemoryWriter::Kind;

// Of guests::count_for_ever.
constexpr GuestAddress kCounter(0x200000);

class SnapshotCreatorTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_KVM();
    auto loop = EventLoop::Create({});
    ASSERT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
    // Some steps' worth.
    config_.ram.size_bytes = 4 * MemoryWriter::kStepBytes;
  }

  void Boot() {
    const auto guest = guests::count_for_ever();
    const TemporaryFile kernel(ElfBuilder(layout::kHighRam.value())
                                   .Segment(layout::kHighRam.value(), {guest.begin(), guest.end()})
                                   .Build());
    auto image = ImageFile::Open(kernel.path());
    ASSERT_TRUE(image.ok()) << image.status();
    auto vm =
        MicroVm::Create(config_, {.kernel = *std::move(image)}, &sink_, loop_.get(), {}, timeline_);
    ASSERT_TRUE(vm.ok()) << vm.status();
    vm_ = *std::move(vm);
    // Memory that is not zero, so that writing it takes more than one step.
    const auto ram = vm_->memory().regions()[0].mapping.bytes();
    std::fill(ram.begin() + (8 << 20), ram.end(), uint8_t{0x5a});
    ASSERT_TRUE(vm_->Start().ok());
    RunAndPause();
  }

  void Pause() {
    vm_->Pause([this](const absl::Status& status) {
      EXPECT_TRUE(status.ok()) << status;
      loop_->Stop();
    });
    ASSERT_TRUE(loop_->Run().ok());
    ASSERT_TRUE(vm_->is_paused());
  }

  uint64_t Count() const { return *vm_->memory().ReadObject<uint64_t>(kCounter); }

  // Lets the guest, which runs, count on, and pauses it.
  void RunAndPause() {
    const uint64_t count = Count();
    const int64_t deadline_us = MonotonicTimeUs() + 20'000'000;
    while (Count() <= count + 10'000) {
      ASSERT_LT(MonotonicTimeUs(), deadline_us);
    }
    Pause();
  }

  void ResumeAndPause() {
    ASSERT_TRUE(vm_->Resume().ok());
    RunAndPause();
  }

  SnapshotCreator::Options Options(Kind kind, const std::string& name) const {
    return {.kind = kind,
            .state_path = folder_.PathOf(name + ".state"),
            .memory_path = MemoryPath(name),
            .config_json = "{}",
            .mayfly_version = "test"};
  }

  std::string MemoryPath(const std::string& name) const { return folder_.PathOf(name + ".memory"); }

  absl::Status Create(const SnapshotCreator::Options& options) {
    std::optional<absl::Status> end;
    SnapshotCreator creator(loop_.get(), vm_.get(), options);
    creator.Start([&](const absl::Status& status) {
      end = status;
      loop_->Stop();
    });
    EXPECT_FALSE(end.has_value()) << "not inside Start";
    EXPECT_TRUE(loop_->Run().ok());
    return end.value_or(absl::InternalError("it did not end"));
  }
  absl::Status Create(Kind kind, const std::string& name) { return Create(Options(kind, name)); }

  // Destroys a creator after some turns of the loop; false when it was done before that.
  bool CreateAndCancel(Kind kind, const std::string& name, int turn_count) {
    bool is_done = false;
    auto creator = std::make_unique<SnapshotCreator>(loop_.get(), vm_.get(), Options(kind, name));
    creator->Start([&](const absl::Status& status) {
      EXPECT_TRUE(status.ok()) << status;
      is_done = true;
    });
    int turn = 0;
    Timer turns(loop_.get(), [&] {
      if (++turn > turn_count) {
        loop_->Stop();
      } else {
        turns.Set(MonotonicTimeUs());
      }
    });
    turns.Set(MonotonicTimeUs());
    EXPECT_TRUE(loop_->Run().ok());
    creator.reset();
    return !is_done;
  }

  // A memory file, with the place of the id that each snapshot has for itself set to 0.
  std::vector<uint8_t> MemoryWithoutId(const std::string& name) const {
    std::vector<uint8_t> bytes = ReadWholeFile(MemoryPath(name));
    EXPECT_EQ(bytes.size(), config_.ram.size_bytes) << name;
    const auto id = bytes.begin() + static_cast<std::ptrdiff_t>(layout::kSnapshotId.value());
    std::fill(id, id + static_cast<std::ptrdiff_t>(layout::kSnapshotIdBytes), uint8_t{0});
    return bytes;
  }

  // How many bytes of a memory file are no holes.
  uint64_t DataBytes(const std::string& name) const {
    const auto fd = OwnedFd::Open(MemoryPath(name).c_str(), O_RDONLY);
    uint64_t sum_bytes = 0;
    uint64_t offset_bytes = 0;
    while (true) {
      const auto extent = NextDataExtent(fd->get(), offset_bytes, config_.ram.size_bytes);
      if (!extent.ok() || !*extent) {
        EXPECT_TRUE(extent.ok()) << extent.status();
        return sum_bytes;
      }
      sum_bytes += (*extent)->size_bytes;
      offset_bytes = (*extent)->offset_bytes + (*extent)->size_bytes;
    }
  }

  // Puts a VM that was restored in the place of the one that is there.
  absl::Status Restore(const std::string& state_name, const std::string& memory_name) {
    ASSIGN_OR_RETURN(const SnapshotState state,
                     ReadSnapshot(folder_.PathOf(state_name + ".state"), timeline_));
    ASSIGN_OR_RETURN(const MemoryFile file, MemoryFile::Open(MemoryPath(memory_name)));
    ASSIGN_OR_RETURN(GuestMemory memory, file.Map(state.vm.ram, state.vm.huge_pages));
    RETURN_IF_ERROR(CheckMemoryBelongs(memory, state));
    vm_.reset();
    ASSIGN_OR_RETURN(
        vm_, MicroVm::Restore(config_, {.memory = std::move(memory), .state = state.vm}, &sink_,
                              loop_.get(), {}, timeline_));
    return absl::OkStatus();
  }

  PhaseTimeline timeline_{MonotonicTimeUs()};
  RecordingSerialSink sink_;
  TemporaryFolder folder_;
  MicroVmConfig config_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<MicroVm> vm_;
};

TEST_F(SnapshotCreatorTest, AGuestGoesOnFromAFullSnapshot) {
  config_.vcpu_count = 2;
  Boot();
  const uint64_t count = Count();
  ASSERT_TRUE(Create(Kind::kFull, "full").ok());
  EXPECT_THAT(folder_.Names(), testing::ElementsAre("full.memory", "full.state"));
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(Restore("full", "full").ok());
    EXPECT_EQ(Count(), count);
    ResumeAndPause();
  }
  // The origin's memory file is what it was, whatever the clones wrote.
  ASSERT_TRUE(Restore("full", "full").ok());
  EXPECT_EQ(Count(), count);
}

TEST_F(SnapshotCreatorTest, PagesOfZerosAreHoles) {
  Boot();
  ASSERT_TRUE(Create(Kind::kFull, "full").ok());
  // 24 MiB are filled, and the guest itself is small.
  EXPECT_GE(DataBytes("full"), uint64_t{24} << 20);
  EXPECT_LT(DataBytes("full"), uint64_t{25} << 20);
}

TEST_F(SnapshotCreatorTest, TheFirstDiffOfABootedVmIsWhole) {
  for (const bool tracks : {true, false}) {
    config_.tracks_dirty_pages = tracks;
    Boot();
    ASSERT_TRUE(Create(Kind::kDiff, "diff").ok());
    ASSERT_TRUE(Create(Kind::kFull, "full").ok());
    EXPECT_TRUE(MemoryWithoutId("diff") == MemoryWithoutId("full")) << tracks;
    ASSERT_TRUE(Restore("diff", "diff").ok());
    std::filesystem::remove(MemoryPath("diff"));
  }
}

TEST_F(SnapshotCreatorTest, ADiffAfterAFullOneHasOnlyWhatWasWritten) {
  config_.tracks_dirty_pages = true;
  Boot();
  ASSERT_TRUE(Create(Kind::kFull, "full").ok());
  ResumeAndPause();
  ASSERT_TRUE(Create(Kind::kDiff, "diff").ok());
  EXPECT_GT(DataBytes("diff"), 0u);
  EXPECT_LE(DataBytes("diff"), uint64_t{16} * PageSet::kPageBytes);
  ASSERT_TRUE(Create(Kind::kFull, "now").ok());
  EXPECT_TRUE(MemoryWithoutId("full") != MemoryWithoutId("now"));
  // Merged by hand it is the same, and belongs to the diff's state.
  const auto merged = MergeMemory(MemoryPath("full"), MemoryPath("diff"));
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_TRUE(MemoryWithoutId("full") == MemoryWithoutId("now"));
  EXPECT_EQ(Restore("full", "full").code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(Restore("diff", "full").ok());
}

TEST_F(SnapshotCreatorTest, FiveDiffsMergedInPlaceAreTheFullMemory) {
  config_.tracks_dirty_pages = true;
  Boot();
  ASSERT_TRUE(Create(Kind::kFull, "base").ok());
  for (int round = 0; round < 5; ++round) {
    ResumeAndPause();
    // The base's pages of zeros too: one that was not zero before.
    const auto page = vm_->memory().Resolve(
        {GuestAddress((uint64_t{9} << 20) + static_cast<uint64_t>(round) * PageSet::kPageBytes),
         PageSet::kPageBytes});
    ASSERT_TRUE(page.ok());
    std::memset(page->data(), 0, page->size_bytes());
    vm_->memory().MarkWritten(page->data(), page->size_bytes());
    ASSERT_TRUE(Create(Kind::kDiff, "base").ok());
  }
  ASSERT_TRUE(Create(Kind::kFull, "full").ok());
  EXPECT_TRUE(MemoryWithoutId("base") == MemoryWithoutId("full"));
  const uint64_t count = Count();
  ASSERT_TRUE(Restore("base", "base").ok());
  EXPECT_EQ(Count(), count);
  ResumeAndPause();
}

TEST_F(SnapshotCreatorTest, ARestoredGuestsDiffIsWhatItWroteTrackedOrNot) {
  for (const bool tracks : {true, false}) {
    config_.tracks_dirty_pages = tracks;
    Boot();
    ASSERT_TRUE(Create(Kind::kFull, "base").ok());
    ASSERT_TRUE(Restore("base", "base").ok());
    ResumeAndPause();
    ASSERT_TRUE(Create(Kind::kDiff, "diff").ok());
    EXPECT_LE(DataBytes("diff"), uint64_t{64} * PageSet::kPageBytes) << tracks;
    ASSERT_TRUE(Create(Kind::kFull, "full").ok());
    ASSERT_TRUE(MergeMemory(MemoryPath("base"), MemoryPath("diff")).ok());
    EXPECT_TRUE(MemoryWithoutId("base") == MemoryWithoutId("full")) << tracks;
    vm_.reset();
    std::filesystem::remove(MemoryPath("diff"));
  }
}

TEST_F(SnapshotCreatorTest, CancellingLeavesNothingAndLosesNoPage) {
  config_.tracks_dirty_pages = true;
  Boot();
  ASSERT_TRUE(Create(Kind::kFull, "base").ok());
  const std::vector<uint8_t> base = ReadWholeFile(MemoryPath("base"));
  int cancelled_count = 0;
  for (int turn_count = 0; turn_count < 6; ++turn_count) {
    ResumeAndPause();
    if (CreateAndCancel(Kind::kDiff, "base", turn_count)) {
      ++cancelled_count;
      EXPECT_TRUE(ReadWholeFile(MemoryPath("base")) == base) << turn_count;
    }
    if (CreateAndCancel(Kind::kFull, "other", turn_count)) {
      ++cancelled_count;
      EXPECT_THAT(folder_.Names(), testing::ElementsAre("base.memory", "base.state"));
    } else {
      break;
    }
  }
  EXPECT_GE(cancelled_count, 4);
  ResumeAndPause();
  ASSERT_TRUE(Create(Kind::kDiff, "base").ok());
  ASSERT_TRUE(Create(Kind::kFull, "full").ok());
  EXPECT_TRUE(MemoryWithoutId("base") == MemoryWithoutId("full"));
  EXPECT_TRUE(Restore("base", "base").ok());
}

TEST_F(SnapshotCreatorTest, AFailureLeavesTheOldFilesAndLosesNoPage) {
  config_.tracks_dirty_pages = true;
  Boot();
  ASSERT_TRUE(Create(Kind::kFull, "base").ok());
  const auto names = folder_.Names();
  const std::vector<uint8_t> memory = ReadWholeFile(MemoryPath("base"));
  const std::vector<uint8_t> state = ReadWholeFile(folder_.PathOf("base.state"));
  ResumeAndPause();

  auto options = Options(Kind::kDiff, "base");
  options.state_path = folder_.PathOf("missing/state");
  EXPECT_THAT(Create(options).message(), testing::HasSubstr("missing/state"));
  options = Options(Kind::kDiff, "base");
  options.memory_path = folder_.PathOf("missing/memory");
  EXPECT_THAT(Create(options).message(), testing::HasSubstr("missing/memory"));
  options.memory_path = folder_.path();
  EXPECT_FALSE(Create(options).ok());
  options.memory_path = options.state_path;
  EXPECT_EQ(Create(options).code(), absl::StatusCode::kInvalidArgument);

  EXPECT_EQ(folder_.Names(), names);
  EXPECT_TRUE(ReadWholeFile(MemoryPath("base")) == memory);
  EXPECT_TRUE(ReadWholeFile(folder_.PathOf("base.state")) == state);
  ASSERT_TRUE(Create(Kind::kDiff, "base").ok());
  ASSERT_TRUE(Create(Kind::kFull, "full").ok());
  EXPECT_TRUE(MemoryWithoutId("base") == MemoryWithoutId("full"));
}

TEST_F(SnapshotCreatorTest, AFullOrReadOnlyFileSystemIsAnErrorThatNamesTheFile) {
  Boot();
  const std::string place = folder_.PathOf("small");
  std::filesystem::create_directory(place);
  if (mount("tmpfs", place.c_str(), "tmpfs", 0, "size=1m") != 0) {
    GTEST_SKIP() << "needs the right to mount: " << std::strerror(errno);
  }
  auto options = Options(Kind::kFull, "full");
  options.memory_path = place + "/memory";
  WriteWholeFile(options.memory_path, {1, 2, 3});
  const absl::Status full = Create(options);
  EXPECT_EQ(full.message(), options.memory_path + ": write: No space left on device");
  EXPECT_EQ(ReadWholeFile(options.memory_path), (std::vector<uint8_t>{1, 2, 3}));
  EXPECT_EQ(mount("tmpfs", place.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=1m"), 0);
  EXPECT_THAT(Create(options).message(), testing::HasSubstr("Read-only file system"));
  EXPECT_EQ(ReadWholeFile(options.memory_path), (std::vector<uint8_t>{1, 2, 3}));
  EXPECT_EQ(umount2(place.c_str(), MNT_DETACH), 0);
  EXPECT_THAT(folder_.Names(), testing::ElementsAre("small"));
  ResumeAndPause();
  EXPECT_TRUE(Create(Kind::kFull, "full").ok());
}

TEST_F(SnapshotCreatorTest, FilesOfTwoSnapshotsDoNotGoTogether) {
  Boot();
  ASSERT_TRUE(Create(Kind::kFull, "a").ok());
  ASSERT_TRUE(Create(Kind::kFull, "b").ok());
  EXPECT_EQ(Restore("a", "b").code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Restore("b", "a").code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(Restore("a", "a").ok());
  EXPECT_TRUE(Restore("b", "b").ok());
}

TEST_F(SnapshotCreatorTest, ARunningVmIsNotSaved) {
  Boot();
  ASSERT_TRUE(vm_->Resume().ok());
  EXPECT_EQ(Create(Kind::kFull, "full").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(folder_.Names(), testing::IsEmpty());
  Pause();
}

}  // namespace
}  // namespace mayfly
