// VmController: one VM from its configuration to its end, by the requests of a client.

#include "api/vm_controller.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/text_file.h"
#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"
#include "tests/guests/guests.h"
#include "tests/kvm/vm_controller_fixture.h"

namespace mayfly {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST_F(VmControllerTest, RunsAGuestToItsEnd) {
  Configure(guests::serial_hello_then_reset());
  EXPECT_EQ(State(), "Not started");
  ASSERT_EQ(Fault(InstanceStart{}), "");
  EXPECT_EQ(controller_->state(), VmController::State::kRunning);
  RunToEnd();
  EXPECT_EQ(end_->kind, VmEnd::Kind::kReset);
  EXPECT_EQ(*ReadTextFile(output_.path()), "hello\n");
}

TEST_F(VmControllerTest, TheBootTimerCountsFromTheStart) {
  const int64_t before_us = MonotonicTimeUs();
  Start(guests::boot_timer());
  RunToEnd();
  ASSERT_TRUE(boot_time_.has_value());
  EXPECT_GT(boot_time_->wall_us, 0);
  EXPECT_LE(boot_time_->wall_us, MonotonicTimeUs() - before_us);
}

TEST_F(VmControllerTest, NothingIsConfiguredAfterTheStart) {
  Start(guests::spin());
  const auto too_late = [this](ApiRequest request) {
    return Fault(std::move(request)) ==
           "The requested operation is not supported after starting the microVM.";
  };
  EXPECT_TRUE(too_late(InstanceStart{}));
  EXPECT_TRUE(too_late(PutBootSource{}));
  EXPECT_TRUE(too_late(PutMachineConfig{}));
  EXPECT_TRUE(too_late(PatchMachineConfig{}));
  EXPECT_TRUE(too_late(PutCpuConfig{}));
  EXPECT_TRUE(too_late(PutLogger{}));
  EXPECT_TRUE(too_late(PutMetrics{}));
  EXPECT_TRUE(too_late(PutMmdsConfig{}));
  EXPECT_TRUE(too_late(PutSerial{}));
  EXPECT_EQ(Fault(PutDrive{}), "PCI is not enabled");
  EXPECT_EQ(Fault(PutNetworkInterface{}), "PCI is not enabled");
  EXPECT_EQ(Fault(DeleteDevice{"d"}), "PCI is not enabled");
  EXPECT_EQ(Fault(PutMmds{"{}"}), "");
  EXPECT_EQ(State(), "Running");
}

TEST_F(VmControllerTest, PausesAndResumesAnyNumberOfTimes) {
  Start(guests::spin());
  EXPECT_EQ(Fault(PatchVmState{VmRunState::kResumed}), "");
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(Fault(PatchVmState{VmRunState::kPaused}), "");
    EXPECT_EQ(Fault(PatchVmState{VmRunState::kPaused}), "");
    EXPECT_EQ(State(), "Paused");
    EXPECT_TRUE(controller_->vm()->is_paused());
    EXPECT_EQ(Fault(PatchVmState{VmRunState::kResumed}), "");
    EXPECT_EQ(State(), "Running");
    EXPECT_FALSE(controller_->vm()->is_paused());
  }
  EXPECT_GT(metrics_.latencies_us.vmm_pause_vm, 0u);
}

TEST_F(VmControllerTest, AGuestGoesOnWhereItWasPaused) {
  const TemporaryFile disk(Sector("sector"));
  EXPECT_EQ(Fault(PutDrive{{.drive_id = "d", .path_on_host = disk.path()}}), "");
  Start(guests::disk_sector_to_serial());
  while (!end_) {
    ASSERT_EQ(Fault(PatchVmState{VmRunState::kPaused}), "");
    ASSERT_EQ(Fault(PatchVmState{VmRunState::kResumed}), "");
    ASSERT_EQ(Fault(GetInstanceInfo{}), "");
  }
  ShutDown();
  EXPECT_EQ(*ReadTextFile(output_.path()), "sectorR");
}

TEST_F(VmControllerTest, ShutsDownWhatIsPaused) {
  Start(guests::spin());
  ASSERT_EQ(Fault(PatchVmState{VmRunState::kPaused}), "");
  ShutDown();
  EXPECT_FALSE(end_.has_value());
}

TEST_F(VmControllerTest, ShutsDownWhatWasNeverStarted) {
  ShutDown();
  EXPECT_EQ(controller_->vm(), nullptr);
}

TEST_F(VmControllerTest, ChangesADriveWhileTheGuestRuns) {
  const TemporaryFile disk(Sector("one"));
  const TemporaryFile other(Sector("two"));
  EXPECT_EQ(Fault(PutDrive{{.drive_id = "d", .path_on_host = disk.path()}}), "");
  Start(guests::spin());
  EXPECT_EQ(Fault(PatchDrive{
                {.drive_id = "d",
                 .path_on_host = other.path(),
                 .rate_limiter =
                     RateLimiterUpdate{.ops = TokenBucketConfig{.size = 1, .refill_time_ms = 2}}}}),
            "");
  const auto shown = Ask(GetVmConfig{});
  ASSERT_TRUE(shown.ok()) << shown.status();
  const auto drive = nlohmann::json::parse(shown->body)["drives"][0];
  EXPECT_EQ(drive["path_on_host"], other.path());
  EXPECT_EQ(drive["rate_limiter"]["ops"]["size"], 1);
}

TEST_F(VmControllerTest, WrongChangesOfADriveChangeNothing) {
  const TemporaryFile disk(Sector("one"));
  EXPECT_EQ(Fault(PutDrive{{.drive_id = "d", .path_on_host = disk.path()}}), "");
  Start(guests::spin());
  const std::string prefix = "Drive config error: Unable to patch the block device: ";
  EXPECT_EQ(Fault(PatchDrive{{.drive_id = "d"}}),
            absl::StrCat(prefix,
                         "Block: Running method expected different backend. Please verify the "
                         "request arguments."));
  EXPECT_EQ(Fault(PatchDrive{{.drive_id = "e", .path_on_host = disk.path()}}),
            absl::StrCat(prefix, "Failed perform action on device: Device not found"));
  EXPECT_EQ(Fault(PatchDrive{{.drive_id = "d", .path_on_host = "/no/such/disk"}}),
            absl::StrCat(prefix,
                         "Block: Virtio backend error: Error manipulating the backing file: No "
                         "such file or directory (os error 2) /no/such/disk"));
  const auto shown = Ask(GetVmConfig{});
  ASSERT_TRUE(shown.ok()) << shown.status();
  EXPECT_EQ(nlohmann::json::parse(shown->body)["drives"][0]["path_on_host"], disk.path());
}

TEST_F(VmControllerTest, ACardThatIsNotThereIsNotChanged) {
  Start(guests::spin());
  EXPECT_EQ(Fault(PatchNetworkInterface{{.iface_id = "eth0"}}),
            "Network config error: Failed perform action on device: Device not found");
}

TEST_F(VmControllerTest, KeysThatNoGuestHearsArePressedAllTheSame) {
  Start(guests::spin());
  EXPECT_EQ(Fault(SendCtrlAltDel{}), "") << "as with Firecracker, where nobody hears the keys";
}

TEST_F(VmControllerTest, WritesMetricsAtTheStartAndWhenAsked) {
  const TemporaryFile metrics({});
  EXPECT_EQ(Fault(PutMetrics{{.metrics_path = metrics.path()}}), "");
  const auto line_count = [&] {
    const std::string text = *ReadTextFile(metrics.path());
    return std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_EQ(line_count(), 0);
  Start(guests::spin());
  EXPECT_EQ(line_count(), 1);
  EXPECT_EQ(Fault(FlushMetrics{}), "");
  EXPECT_EQ(line_count(), 2);
}

TEST_F(VmControllerTest, AFailedStartIsCorrectedAndTriedAgain) {
  const TemporaryFile junk(std::vector<uint8_t>(4096, 'x'));
  const TemporaryFile disk(Sector("sector"));
  Configure(guests::disk_sector_to_serial());
  EXPECT_EQ(Fault(PutDrive{{.drive_id = "d", .path_on_host = disk.path()}}), "");
  EXPECT_EQ(Fault(PutBootSource{{.kernel_image_path = junk.path()}}), "");
  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_THAT(Fault(InstanceStart{}),
                StartsWith("Start microvm error: System configuration error: Cannot load kernel "
                           "due to invalid memory configuration or invalid kernel image: "));
    EXPECT_EQ(State(), "Not started");
    EXPECT_EQ(controller_->vm(), nullptr);
  }
  EXPECT_EQ(Fault(PutSerial{{.serial_out_path = "/no/such/folder/file"}}), "");
  EXPECT_EQ(Fault(PutBootSource{{.kernel_image_path = kernel_->path()}}), "");
  EXPECT_THAT(Fault(InstanceStart{}), HasSubstr("/no/such/folder/file"));
  EXPECT_EQ(Fault(PutSerial{{.serial_out_path = output_.path()}}), "");
  ASSERT_EQ(Fault(InstanceStart{}), "");
  EXPECT_EQ(State(), "Running");
  RunToEnd();
  EXPECT_EQ(*ReadTextFile(output_.path()), "sectorR");
}

TEST_F(VmControllerTest, MachinesThatNoHostHasFailAtTheStart) {
  EXPECT_EQ(Fault(InstanceStart{}),
            "Start microvm error: Cannot start microvm without kernel configuration.");
  Configure(guests::power_off());
  EXPECT_EQ(Fault(PatchMachineConfig{{.mem_size_mib = UINT64_MAX}}), "");
  EXPECT_EQ(Fault(InstanceStart{}),
            "Start microvm error: Invalid Memory Configuration: Cannot create mmap region: Out of "
            "memory (os error 12)");
  EXPECT_EQ(Fault(PatchMachineConfig{{.mem_size_mib = 4, .cpu_template = StaticCpuTemplate::kT2}}),
            "");
  EXPECT_EQ(Fault(InstanceStart{}),
            "Start microvm error: Failed to get CPU template: The current CPU model is not "
            "permitted to apply the CPU template.");
  EXPECT_EQ(Fault(PatchMachineConfig{{.cpu_template = StaticCpuTemplate::kNone}}), "");
  EXPECT_EQ(Fault(InstanceStart{}), "");
  RunToEnd();
  EXPECT_EQ(end_->kind, VmEnd::Kind::kPowerOff);
}

TEST_F(VmControllerTest, ThereAreOnlySoManyDevices) {
  const TemporaryFile disk(Sector(""));
  for (uint32_t i = 0; i <= layout::kMaxVirtioDevices; ++i) {
    EXPECT_EQ(Fault(PutDrive{{.drive_id = absl::StrCat("d", i), .path_on_host = disk.path()}}), "");
  }
  Configure(guests::power_off());
  EXPECT_EQ(Fault(InstanceStart{}),
            "Start microvm error: Could not attach device: Failed to allocate requested resource: "
            "Could not allocate GSI: The requested resource is not available.");
}

}  // namespace
}  // namespace mayfly
