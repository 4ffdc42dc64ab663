// RestoreVm behind VmController: guests that go on from a snapshot, and what a client gets wrong.

#include "api/vm_restore.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/text_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"
#include "tests/fakes/temporary_folder.h"
#include "tests/guests/guests.h"
#include "tests/kvm/vm_controller_fixture.h"

namespace mayfly {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Where count_for_ever counts.
constexpr GuestAddress kCounter(0x200000);

class VmRestoreTest : public VmControllerTest {
 protected:
  CreateSnapshot Create(const std::string& name, SnapshotKind kind = SnapshotKind::kFull) const {
    return {{.kind = kind,
             .snapshot_path = folder_.PathOf(name + ".state"),
             .mem_file_path = folder_.PathOf(name + ".memory")}};
  }

  LoadSnapshot Load(const std::string& name, bool resumes = true) const {
    SnapshotLoadRequest request = {.snapshot_path = folder_.PathOf(name + ".state"),
                                   .resume_vm = resumes};
    request.mem_backend = {.path = folder_.PathOf(name + ".memory")};
    return {std::move(request)};
  }

  // Pauses the VM, saves it and ends it.
  void SaveAndEnd(const std::string& name) {
    ASSERT_EQ(Fault(PatchVmState{VmRunState::kPaused}), "");
    ASSERT_EQ(Fault(Create(name)), "");
    NewController();
  }

  uint64_t Count() {
    const auto count = controller_->vm()->memory().ReadObject<uint64_t>(kCounter);
    EXPECT_TRUE(count.ok()) << count.status();
    return count.value_or(0);
  }

  void WaitForCount(uint64_t count) {
    const int64_t deadline_us = MonotonicTimeUs() + 10'000'000;
    while (Count() < count && MonotonicTimeUs() < deadline_us) {
      usleep(100);
    }
    EXPECT_GE(Count(), count);
  }

  const TemporaryFolder folder_;
};

TEST_F(VmRestoreTest, AGuestGoesOnWhereItWasSaved) {
  Start(guests::count_for_ever());
  WaitForCount(1000);
  ASSERT_EQ(Fault(PatchVmState{VmRunState::kPaused}), "");
  const uint64_t count = Count();
  ASSERT_EQ(Fault(Create("a")), "");
  EXPECT_EQ(Count(), count);
  EXPECT_EQ(State(), "Paused");
  EXPECT_GT(metrics_.latencies_us.vmm_full_create_snapshot, 0u);
  ASSERT_EQ(Fault(PatchVmState{VmRunState::kResumed}), "");
  WaitForCount(count + 1000);
  for (int clone = 0; clone < 2; ++clone) {
    NewController();
    ASSERT_EQ(Fault(Load("a", false)), "");
    EXPECT_EQ(State(), "Paused");
    EXPECT_EQ(Count(), count) << "one state twice is a fork, from the same point";
    ASSERT_EQ(Fault(PatchVmState{VmRunState::kResumed}), "");
    WaitForCount(count + 1000);
  }
  EXPECT_GT(metrics_.latencies_us.vmm_load_snapshot, 0u);
  EXPECT_FALSE(has_load_failed_);
}

TEST_F(VmRestoreTest, ARestoredVmIsSavedAndRestoredAgain) {
  Start(guests::count_for_ever());
  uint64_t count = 0;
  for (int round = 0; round < 5; ++round) {
    WaitForCount(count + 1000);
    SaveAndEnd("a");
    ASSERT_EQ(Fault(Load("a")), "");
    EXPECT_EQ(State(), "Running");
    count = Count();
    EXPECT_GE(count, 1000u);
  }
}

TEST_F(VmRestoreTest, ADiffGoesOntoItsBase) {
  Configure(guests::count_for_ever());
  ASSERT_EQ(Fault(PatchMachineConfig{{.track_dirty_pages = true}}), "");
  ASSERT_EQ(Fault(InstanceStart{}), "");
  WaitForCount(1000);
  ASSERT_EQ(Fault(PatchVmState{VmRunState::kPaused}), "");
  ASSERT_EQ(Fault(Create("a")), "");
  ASSERT_EQ(Fault(PatchVmState{VmRunState::kResumed}), "");
  WaitForCount(Count() + 1000);
  ASSERT_EQ(Fault(PatchVmState{VmRunState::kPaused}), "");
  const uint64_t count = Count();
  ASSERT_EQ(Fault(Create("a", SnapshotKind::kDiff)), "");
  EXPECT_GT(metrics_.latencies_us.vmm_diff_create_snapshot, 0u);
  NewController();
  ASSERT_EQ(Fault(Load("a", false)), "");
  EXPECT_EQ(Count(), count);
}

TEST_F(VmRestoreTest, OneSnapshotAfterTheOther) {
  Start(guests::spin());
  ASSERT_EQ(Fault(PatchVmState{VmRunState::kPaused}), "");
  for (const char* name : {"a", "b", "b"}) {
    EXPECT_EQ(Fault(Create(name)), "");
  }
  EXPECT_EQ(folder_.Names(),
            (std::vector<std::string>{"a.memory", "a.state", "b.memory", "b.state"}));
}

TEST_F(VmRestoreTest, ADiskIsWhereTheRequestSays) {
  const TemporaryFile disk(Sector("sector"));
  const TemporaryFile other(Sector("others"));
  ASSERT_EQ(Fault(PutDrive{{.drive_id = "d", .path_on_host = disk.path()}}), "");
  Start(guests::spin());
  SaveAndEnd("a");
  LoadSnapshot load = Load("a");
  load.request.drive_overrides = {
      {.drive_id = "d",
       .path_on_host = other.path(),
       .rate_limiter = RateLimiterUpdate{.ops = {{.size = 1000, .refill_time_ms = 1}}}}};
  load.request.serial_out_path = folder_.PathOf("serial");
  load.request.mmds_text = R"({"a":1})";
  ASSERT_EQ(Fault(load), "");
  const auto shown = Ask(GetVmConfig{});
  ASSERT_TRUE(shown.ok()) << shown.status();
  const auto drive = nlohmann::json::parse(shown->body)["drives"][0];
  EXPECT_EQ(drive["path_on_host"], other.path());
  EXPECT_EQ(drive["rate_limiter"]["ops"]["size"], 1000);
  EXPECT_EQ(Ask(GetMmds{})->body, R"({"a":1})");
  EXPECT_EQ(access(folder_.PathOf("serial").c_str(), F_OK), 0);
}

TEST_F(VmRestoreTest, AGuestMidwayThroughADiskReadGoesOn) {
  const TemporaryFile disk(Sector("sector"));
  ASSERT_EQ(Fault(PutDrive{{.drive_id = "d", .path_on_host = disk.path()}}), "");
  Start(guests::disk_sector_to_serial());
  int round_count = 0;
  while (!end_ && round_count < 20) {
    SaveAndEnd("a");
    LoadSnapshot load = Load("a");
    load.request.serial_out_path = output_.path();
    ASSERT_EQ(Fault(load), "");
    ++round_count;
  }
  RunToEnd();
  EXPECT_EQ(end_->kind, VmEnd::Kind::kReset);
  EXPECT_EQ(*ReadTextFile(output_.path()), "sectorR");
}

TEST_F(VmRestoreTest, AWorkingSetIsRecordedAndUsed) {
  Start(guests::count_for_ever());
  WaitForCount(1000);
  SaveAndEnd("a");
  EXPECT_EQ(Fault(RecordWorkingSet{}),
            "The requested operation is not supported before starting the microVM.");
  LoadSnapshot load = Load("a");
  load.request.working_set = WorkingSetMode::kRecord;
  ASSERT_EQ(Fault(load), "");
  const size_t file_count = folder_.Names().size();
  ASSERT_EQ(Fault(RecordWorkingSet{}), "");
  EXPECT_EQ(folder_.Names().size(), file_count + 1);
  NewController();
  ASSERT_EQ(Fault(Load("a")), "");
  WaitForCount(Count() + 1000);
  EXPECT_THAT(Fault(RecordWorkingSet{}), StartsWith("Working set error: "));
}

TEST_F(VmRestoreTest, OnlyAPausedVmIsSaved) {
  EXPECT_EQ(Fault(Create("a")),
            "The requested operation is not supported before starting the microVM.");
  Start(guests::spin());
  EXPECT_EQ(Fault(Create("a")),
            "Create snapshot error: Cannot create snapshot: save/restore unavailable while "
            "running");
  ASSERT_EQ(Fault(PatchVmState{VmRunState::kPaused}), "");
  CreateSnapshot create = Create("a");
  create.request.mem_file_path = "/no/such/folder/memory";
  EXPECT_THAT(Fault(create), AllOf(StartsWith("Create snapshot error: Cannot create snapshot: "),
                                   HasSubstr("/no/such/folder/memory")));
  EXPECT_TRUE(folder_.Names().empty());
  EXPECT_EQ(State(), "Paused");
  EXPECT_EQ(Fault(PatchVmState{VmRunState::kResumed}), "");
  EXPECT_EQ(Fault(Load("a")),
            "The requested operation is not supported after starting the microVM.");
  EXPECT_EQ(Fault(RecordWorkingSet{}),
            "Working set error: the VM was not restored from a memory file");
}

TEST_F(VmRestoreTest, ARestoreComesBeforeAnythingThatIsBooted) {
  // One that failed counts as well.
  EXPECT_NE(Fault(PutDrive{{.drive_id = "d", .path_on_host = "/no/such/disk"}}), "");
  EXPECT_EQ(Fault(Load("a")),
            "Load snapshot error: Loading a microVM snapshot not allowed after configuring "
            "boot-specific resources.");
  EXPECT_TRUE(has_load_failed_);
}

TEST_F(VmRestoreTest, AFailedRestoreEndsTheMonitorAndNamesTheFile) {
  Start(guests::spin());
  SaveAndEnd("a");
  LoadSnapshot load = Load("a");
  load.request.mem_backend->path = "/no/such/memory";
  EXPECT_EQ(Fault(load),
            "Load snapshot error: Failed to restore from snapshot: Failed to load guest memory: "
            "Error creating guest memory from file: Failed to load guest memory: No such file or "
            "directory (os error 2) (/no/such/memory)");
  EXPECT_TRUE(has_load_failed_);
  EXPECT_EQ(controller_->vm(), nullptr);
  EXPECT_EQ(State(), "Not started");
}

}  // namespace
}  // namespace mayfly
