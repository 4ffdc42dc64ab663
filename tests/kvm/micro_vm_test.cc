// MicroVm: whole machines that boot kernels of a few instructions.

#include "vmm/micro_vm.h"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/elf_builder.h"
#include "tests/fakes/recording_serial_sink.h"
#include "tests/fakes/temporary_file.h"
#include "tests/guests/guests.h"
#include "tests/kvm/bare_vm.h"

namespace mayfly {
namespace {

constexpr uint64_t kRamBytes = uint64_t{4} << 20;

class MicroVmTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_KVM();
    auto loop = EventLoop::Create({});
    ASSERT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
  }

  absl::Status MakeVm(std::span<const uint8_t> guest, MicroVmConfig config) {
    const TemporaryFile kernel(ElfBuilder(layout::kHighRam.value())
                                   .Segment(layout::kHighRam.value(), {guest.begin(), guest.end()})
                                   .Build());
    ASSIGN_OR_RETURN(ImageFile image, ImageFile::Open(kernel.path()));
    const BootSource boot = {.kernel = std::move(image)};
    config.ram.size_bytes = config.ram.size_bytes == 0 ? kRamBytes : config.ram.size_bytes;
    MicroVm::Observer observer = {
        .on_end =
            [this](const VmEnd& end) {
              end_ = end;
              loop_->Stop();
            },
        .on_boot_time = [this](const BootTime& time) { boot_times_.push_back(time); },
    };
    ASSIGN_OR_RETURN(
        vm_, MicroVm::Create(config, boot, &sink_, loop_.get(), std::move(observer), timeline_));
    return absl::OkStatus();
  }

  // Runs the machine until it ends by itself.
  VmEnd RunToEnd(std::span<const uint8_t> guest, const MicroVmConfig& config) {
    const absl::Status made = MakeVm(guest, config);
    EXPECT_TRUE(made.ok()) << made;
    EXPECT_TRUE(vm_->Start().ok());
    EXPECT_TRUE(loop_->Run().ok());
    vm_->Stop();
    return end_.value_or(VmEnd{});
  }

  PhaseTimeline timeline_{MonotonicTimeUs()};
  RecordingSerialSink sink_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<MicroVm> vm_;
  std::optional<VmEnd> end_;
  std::vector<BootTime> boot_times_;
};

TEST_F(MicroVmTest, GuestPrintsAndResets) {
  const VmEnd end = RunToEnd(guests::serial_hello_then_reset(), {});
  EXPECT_EQ(end.kind, VmEnd::Kind::kReset);
  EXPECT_EQ(sink_.text(), "hello\n");
  EXPECT_GT(vm_->first_run_us(), 0);
}

TEST_F(MicroVmTest, GuestPowersOff) {
  EXPECT_EQ(RunToEnd(guests::power_off(), {}).kind, VmEnd::Kind::kPowerOff);
}

TEST_F(MicroVmTest, GuestStartsTheSecondVcpu) {
  const VmEnd end = RunToEnd(guests::second_vcpu_prints(), {.vcpu_count = 2});
  EXPECT_EQ(end.kind, VmEnd::Kind::kReset) << end.reason << "\n" << end.dump;
  EXPECT_EQ(sink_.text(), "2");
}

TEST_F(MicroVmTest, TripleFaultIsAGuestFaultWithADump) {
  const VmEnd end = RunToEnd(guests::triple_fault(), {});
  EXPECT_EQ(end.kind, VmEnd::Kind::kGuestFault);
  EXPECT_EQ(end.reason, "vcpu 0: KVM_EXIT_SHUTDOWN: triple fault");
  EXPECT_THAT(end.dump, testing::HasSubstr("cr3 "));
}

TEST_F(MicroVmTest, BootTimerReportsOnce) {
  EXPECT_EQ(RunToEnd(guests::boot_timer(), {.has_boot_timer = true}).kind, VmEnd::Kind::kPowerOff);
  ASSERT_EQ(boot_times_.size(), 1u);
  EXPECT_GT(boot_times_[0].wall_us, 0);
}

TEST_F(MicroVmTest, EveryVmHasAGenerationIdOfItsOwnAndAClockPage) {
  std::array<std::array<uint8_t, VmGeneration::kIdBytes>, 2> ids = {};
  for (auto& id : ids) {
    const absl::Status made = MakeVm(guests::spin(), {});
    ASSERT_TRUE(made.ok()) << made;
    ASSERT_TRUE(vm_->memory().Read(vm_->generation().State().address, id).ok());
    const auto magic = vm_->memory().ReadObject<uint32_t>(vm_->clock().State().address);
    ASSERT_TRUE(magic.ok()) << magic.status();
    EXPECT_EQ(*magic, 0x4b4c4356u);
  }
  EXPECT_NE(ids[0], ids[1]);
}

TEST_F(MicroVmTest, StopEndsASpinningGuest) {
  const absl::Status made = MakeVm(guests::spin(), {.vcpu_count = 4});
  ASSERT_TRUE(made.ok()) << made;
  ASSERT_TRUE(vm_->Start().ok());
  vm_->Stop();
  EXPECT_FALSE(end_.has_value());
}

TEST_F(MicroVmTest, RamAroundTheMmioHoleIsTwoSlots) {
  const uint64_t five_gib = uint64_t{5} << 30;
  const VmEnd end = RunToEnd(guests::power_off(), {.ram = {.size_bytes = five_gib}});
  EXPECT_EQ(end.kind, VmEnd::Kind::kPowerOff);
  EXPECT_EQ(vm_->memory().regions().size(), 2u);
  EXPECT_EQ(vm_->memory().size_bytes(), five_gib);
}

TEST_F(MicroVmTest, TransparentHugePagesBootAsWell) {
  EXPECT_EQ(RunToEnd(guests::power_off(), {.ram = {.huge_pages = HugePages::kTransparent}}).kind,
            VmEnd::Kind::kPowerOff);
}

TEST_F(MicroVmTest, GuestReadsItsDiskAndResetsIt) {
  std::vector<uint8_t> image(512, '.');
  const std::string text = "sector";
  std::copy(text.begin(), text.end(), image.begin());
  const TemporaryFile disk(image);
  MicroVmConfig config;
  config.disks.push_back({.name = "disk", .options = {.file = {.path = disk.path()}}});
  const VmEnd end = RunToEnd(guests::disk_sector_to_serial(), config);
  EXPECT_EQ(end.kind, VmEnd::Kind::kReset);
  EXPECT_EQ(sink_.text(), "sectorR");
}

TEST_F(MicroVmTest, MissingDiskIsNamed) {
  MicroVmConfig config;
  config.disks.push_back({.name = "disk", .options = {.file = {.path = "/nonexistent"}}});
  EXPECT_EQ(MakeVm(guests::spin(), config).message(),
            "disk: open /nonexistent: No such file or directory");
}

TEST_F(MicroVmTest, MissingTapIsNamed) {
  MicroVmConfig config;
  config.networks.push_back({.name = "card", .tap_name = "mayfly-none"});
  EXPECT_THAT(MakeVm(guests::spin(), config).message(),
              testing::HasSubstr("card: there is no network interface 'mayfly-none'"));
}

// A start that failed for another reason can be tried again with the file that is open.
TEST_F(MicroVmTest, UsesAFileThatIsOpenAlready) {
  std::vector<uint8_t> image(512, '.');
  const std::string text = "sector";
  std::copy(text.begin(), text.end(), image.begin());
  std::optional<TemporaryFile> disk(image);
  const auto file = BackingFile::Open({.path = disk->path()});
  ASSERT_TRUE(file.ok());
  disk.reset();
  MicroVmConfig config;
  config.disks.push_back(
      {.name = "disk", .options = {.file = {.path = "/nonexistent"}}, .file = &*file});
  config.networks.push_back({.name = "card", .tap_name = "mayfly-none"});
  EXPECT_FALSE(MakeVm(guests::disk_sector_to_serial(), config).ok());
  config.networks.clear();
  EXPECT_EQ(RunToEnd(guests::disk_sector_to_serial(), config).kind, VmEnd::Kind::kReset);
  EXPECT_EQ(sink_.text(), "sectorR");
}

TEST_F(MicroVmTest, QuiesceEndsWithoutAndWithDevices) {
  std::vector<uint8_t> image(512);
  const TemporaryFile disk(image);
  for (const bool has_disk : {false, true}) {
    MicroVmConfig config;
    if (has_disk) {
      config.disks.push_back(
          {.name = "disk",
           .options = {.file = {.path = disk.path()}, .cache_type = CacheType::kWriteback}});
    }
    ASSERT_TRUE(MakeVm(guests::spin(), config).ok());
    ASSERT_TRUE(vm_->Start().ok());
    vm_->Stop();
    bool is_quiet = false;
    vm_->Quiesce([&] {
      is_quiet = true;
      loop_->Stop();
    });
    EXPECT_FALSE(is_quiet);
    ASSERT_TRUE(loop_->Run().ok());
    EXPECT_TRUE(is_quiet);
  }
}

// A guest that drives a disk and waits for its reset, stopped and let go all the while.
TEST_F(MicroVmTest, PausesAndResumesAtAnyMoment) {
  std::vector<uint8_t> image(512, '.');
  const std::string text = "sector";
  std::copy(text.begin(), text.end(), image.begin());
  const TemporaryFile disk(image);
  std::string printed;
  for (int round = 0; round < 30; ++round) {
    MicroVmConfig config;
    config.vcpu_count = 2;
    config.disks.push_back({.name = "disk", .options = {.file = {.path = disk.path()}}});
    end_.reset();
    ASSERT_TRUE(MakeVm(guests::disk_sector_to_serial(), config).ok());
    ASSERT_TRUE(vm_->Start().ok());
    std::function<void()> pause = [&] {
      vm_->Pause([&](const absl::Status& status) {
        ASSERT_TRUE(status.ok()) << status;
        ASSERT_TRUE(vm_->is_paused());
        ASSERT_TRUE(vm_->Resume().ok());
        pause();
      });
    };
    pause();
    ASSERT_TRUE(loop_->Run().ok());
    vm_->Stop();
    ASSERT_EQ(end_.value_or(VmEnd{}).kind, VmEnd::Kind::kReset);
    printed += "sectorR";
    ASSERT_EQ(sink_.text(), printed);
    vm_.reset();
  }
}

TEST_F(MicroVmTest, DisksAreExchangedAtOnceWhilePaused) {
  const TemporaryFile disk(std::vector<uint8_t>(512));
  MicroVmConfig config;
  config.disks.push_back({.name = "disk", .options = {.file = {.path = disk.path()}}});
  ASSERT_TRUE(MakeVm(guests::spin(), config).ok());
  ASSERT_TRUE(vm_->Start().ok());
  vm_->Pause([this](const absl::Status&) { loop_->Stop(); });
  ASSERT_TRUE(loop_->Run().ok());
  ASSERT_TRUE(vm_->is_paused());
  std::vector<absl::Status> results;
  vm_->ReopenDisks(
      [&](const std::string&, const absl::Status& status) { results.push_back(status); });
  EXPECT_THAT(results, testing::ElementsAre(absl::OkStatus()));
  vm_->Stop();
}

TEST_F(MicroVmTest, RefusesWrongVcpuCounts) {
  EXPECT_EQ(MakeVm(guests::spin(), {.vcpu_count = 0}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MakeVm(guests::spin(), {.vcpu_count = 33}).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace mayfly
