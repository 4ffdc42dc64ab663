// RestoreVm: what ends a restore before there is a VM (tests/kvm/vm_restore_test.cc has the rest).

#include "api/vm_restore.h"

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/api/snapshot_files.h"

namespace mayfly {
namespace {

using testing::HasSubstr;

constexpr char kFailed[] = "Failed to restore from snapshot: ";

class VmRestoreTest : public testing::Test {
 protected:
  void SetUp() override {
    auto loop = EventLoop::Create({});
    ASSERT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
    auto mmds = Mmds::Create("vm-1", 100);
    ASSERT_TRUE(mmds.ok()) << mmds.status();
    mmds_ = *std::move(mmds);
  }

  std::string Error(const SnapshotLoadRequest& request) {
    VmResources resources(Tap::Missing::kIsCreated);
    PhaseTimeline timeline(MonotonicTimeUs());
    const auto machine = RestoreVm(
        request,
        {.loop = loop_.get(), .mmds = mmds_.get(), .resources = &resources, .timeline = &timeline},
        Console::Options(), MicroVm::Observer());
    EXPECT_EQ(machine.status().code(), absl::StatusCode::kInvalidArgument) << machine.status();
    return std::string(machine.status().message());
  }

  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<Mmds> mmds_;
  SnapshotFiles files_;
};

TEST_F(VmRestoreTest, AFileThatIsMissingIsNamed) {
  SnapshotLoadRequest request = files_.Request();
  request.snapshot_path = "/no/such/state";
  EXPECT_EQ(Error(request), std::string(kFailed) +
                                "Failed to get snapshot state from file: Failed to open snapshot "
                                "file: No such file or directory (os error 2) (/no/such/state)");
}

TEST_F(VmRestoreTest, MetadataHasToFit) {
  SnapshotLoadRequest request = files_.Request();
  request.mmds_text = R"({"a":")" + std::string(100, 'x') + R"("})";
  EXPECT_EQ(Error(request), std::string(kFailed) + "The MMDS patch request doesn't fit.");
  request.mmds_text = "[1]";
  EXPECT_THAT(Error(request), HasSubstr("JSON"));
}

TEST_F(VmRestoreTest, ASerialOutputThatCannotBeOpenedIsNamed) {
  SnapshotLoadRequest request = files_.Request();
  request.serial_out_path = "/no/such/folder/serial";
  EXPECT_THAT(Error(request), HasSubstr("/no/such/folder/serial"));
}

TEST_F(VmRestoreTest, PhasesAreLoggedForThoseWhoDebug) {
  PhaseTimeline timeline(MonotonicTimeUs());
  timeline.Mark("map guest memory");
  testing::internal::CaptureStdout();
  LogRestore(timeline, 0);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

}  // namespace
}  // namespace mayfly
