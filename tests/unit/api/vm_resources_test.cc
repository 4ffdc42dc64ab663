// VmResources: what a client may name, in which order it ends up, and what a VM is made of.

#include "api/vm_resources.h"

#include <linux/if_tun.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/fault.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"
#include "tests/unit/api/vm_resources_fixture.h"
#include "vmm/kernel_command_line.h"

namespace mayfly {
namespace {

using testing::ElementsAre;

constexpr char kNoFile[] = "/no/such/file";
constexpr char kMissingFile[] = "No such file or directory (os error 2)";

TEST_F(VmResourcesTest, ShowsAVmOfWhichNothingWasSaid) {
  EXPECT_EQ(
      resources_.ToJson().dump(),
      R"({"balloon":null,"drives":[],"boot-source":null,"cpu-config":null,"logger":null,)"
      R"("machine-config":{"vcpu_count":1,"mem_size_mib":128,"smt":false,)"
      R"("track_dirty_pages":false,"huge_pages":"None"},"metrics":null,"mmds-config":null,)"
      R"("network-interfaces":[],"vsock":null,"entropy":null,"pmem":[],"memory-hotplug":null})");
}

TEST_F(VmResourcesTest, ShowsWhatTheUserSaid) {
  ASSERT_TRUE(
      resources_.SetBootSource({.kernel_image_path = file_.path(), .boot_args = "quiet"}).ok());
  ASSERT_TRUE(resources_.SetDrive(Drive("root", true)).ok());
  EXPECT_EQ(CommandLine(), "quiet pci=off root=/dev/vda rw");
  const auto json = resources_.ToJson();
  EXPECT_EQ(json["boot-source"].dump(),
            absl::StrCat(R"({"kernel_image_path":")", file_.path(),
                         R"(","initrd_path":null,"boot_args":"quiet"})"));
  EXPECT_EQ(
      json["drives"].dump(),
      absl::StrCat(R"([{"drive_id":"root","partuuid":null,"is_root_device":true,)",
                   R"("cache_type":"Unsafe","is_read_only":false,"path_on_host":")", file_.path(),
                   R"(","rate_limiter":null,"io_engine":"Sync","socket":null}])"));
}

TEST_F(VmResourcesTest, PutOfAMachineSetsDefaultsButKeepsATemplate) {
  ASSERT_TRUE(resources_
                  .SetMachine({.vcpu_count = 2,
                               .mem_size_mib = 512,
                               .smt = true,
                               .cpu_template = StaticCpuTemplate::kT2,
                               .track_dirty_pages = true})
                  .ok());
  ASSERT_TRUE(resources_.SetMachine({.vcpu_count = 4, .mem_size_mib = 256}).ok());
  EXPECT_EQ(resources_.machine().vcpu_count, 4);
  EXPECT_FALSE(resources_.machine().smt);
  EXPECT_FALSE(resources_.machine().track_dirty_pages);
  EXPECT_EQ(resources_.machine().cpu_template, StaticCpuTemplate::kT2);
}

TEST_F(VmResourcesTest, PatchOfAMachineKeepsTheRest) {
  ASSERT_TRUE(resources_.SetMachine({.vcpu_count = 2, .mem_size_mib = 512, .smt = true}).ok());
  ASSERT_TRUE(resources_.UpdateMachine({.mem_size_mib = 1024}).ok());
  EXPECT_EQ(resources_.machine().vcpu_count, 2);
  EXPECT_EQ(resources_.machine().mem_size_mib, 1024u);
  EXPECT_TRUE(resources_.machine().smt);
}

TEST_F(VmResourcesTest, WrongMachinesChangeNothing) {
  EXPECT_EQ(resources_.SetMachine({.vcpu_count = 0, .mem_size_mib = 1}).message(),
            "Machine config error: The number of vCPUs must be greater than 0, less than 32 and "
            "must be 1 or an even number if SMT is enabled.");
  EXPECT_EQ(resources_.UpdateMachine({.mem_size_mib = 0}).message(),
            "Machine config error: The memory size (MiB) is either 0, or not a multiple of the "
            "configured page size.");
  EXPECT_EQ(resources_.machine().mem_size_mib, 128u);
}

TEST_F(VmResourcesTest, TheLastOfTwoCpuTemplatesCounts) {
  CpuConfig custom;
  custom.kvm_capabilities = {"1"};
  ASSERT_TRUE(resources_.UpdateMachine({.cpu_template = StaticCpuTemplate::kT2}).ok());
  resources_.SetCpu(custom);
  EXPECT_EQ(resources_.machine().cpu_template, StaticCpuTemplate::kNone);
  EXPECT_TRUE(resources_.BuildVmConfig()->cpu_template.has_value());
  EXPECT_EQ(resources_.ToJson()["cpu-config"]["kvm_capabilities"].dump(), R"(["1"])");
  ASSERT_TRUE(resources_.SetMachine({.vcpu_count = 1, .mem_size_mib = 128}).ok());
  EXPECT_TRUE(resources_.BuildVmConfig()->cpu_template.has_value());
  ASSERT_TRUE(resources_.UpdateMachine({.cpu_template = StaticCpuTemplate::kNone}).ok());
  EXPECT_FALSE(resources_.BuildVmConfig()->cpu_template.has_value());
  EXPECT_TRUE(resources_.ToJson()["cpu-config"].is_null());
}

TEST_F(VmResourcesTest, BootFilesAreOpenedAtOnce) {
  EXPECT_EQ(resources_.SetBootSource({.kernel_image_path = kNoFile}).message(),
            absl::StrCat("Boot source error: The kernel file cannot be opened: ", kMissingFile));
  EXPECT_EQ(resources_.SetBootSource({.kernel_image_path = file_.path(), .initrd_path = kNoFile})
                .message(),
            absl::StrCat("Boot source error: The initrd file cannot be opened due to invalid path "
                         "or invalid permissions. ",
                         kMissingFile));
  EXPECT_THAT(
      resources_
          .SetBootSource({.kernel_image_path = file_.path(), .boot_args = std::string(2048, 'x')})
          .message(),
      testing::HasSubstr("Boot source error: The kernel command line is invalid: "));
  EXPECT_EQ(resources_.BuildBootSource().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(resources_.BuildBootSource().status().message(),
            "Cannot start microvm without kernel configuration.");
  EXPECT_TRUE(resources_.ToJson()["boot-source"].is_null());
}

TEST_F(VmResourcesTest, AWrongBootSourceKeepsTheOneBefore) {
  ASSERT_TRUE(
      resources_.SetBootSource({.kernel_image_path = file_.path(), .boot_args = "one"}).ok());
  ASSERT_FALSE(resources_.SetBootSource({.kernel_image_path = kNoFile, .boot_args = "two"}).ok());
  EXPECT_EQ(CommandLine(), "one pci=off");
}

TEST_F(VmResourcesTest, TheCommandLineNamesTheRoot) {
  ASSERT_TRUE(resources_.SetBootSource({.kernel_image_path = file_.path()}).ok());
  EXPECT_EQ(CommandLine(), absl::StrCat(kDefaultKernelCommandLine, " pci=off"));
  ASSERT_TRUE(resources_.SetDrive(Drive("other")).ok());
  EXPECT_EQ(CommandLine(), absl::StrCat(kDefaultKernelCommandLine, " pci=off"));
  DriveConfig root = Drive("root", true);
  root.is_read_only = true;
  ASSERT_TRUE(resources_.SetDrive(root).ok());
  EXPECT_EQ(CommandLine(), absl::StrCat(kDefaultKernelCommandLine, " pci=off root=/dev/vda ro"));
  root.is_read_only = false;
  root.partuuid = "0eaa91a0-01";
  ASSERT_TRUE(resources_.SetDrive(root).ok());
  EXPECT_EQ(CommandLine(),
            absl::StrCat(kDefaultKernelCommandLine, " pci=off root=PARTUUID=0eaa91a0-01 rw"));
}

TEST_F(VmResourcesTest, DrivesKeepTheirOrderAndTheRootIsFirst) {
  ASSERT_TRUE(resources_.SetDrive(Drive("a")).ok());
  ASSERT_TRUE(resources_.SetDrive(Drive("b")).ok());
  ASSERT_TRUE(resources_.SetDrive(Drive("c")).ok());
  EXPECT_THAT(DriveIds(), ElementsAre("a", "b", "c"));
  ASSERT_TRUE(resources_.SetDrive(Drive("root", true)).ok());
  EXPECT_THAT(DriveIds(), ElementsAre("root", "a", "b", "c"));
  // Replaced in place, as is the root itself.
  ASSERT_TRUE(resources_.SetDrive(Drive("b")).ok());
  ASSERT_TRUE(resources_.SetDrive(Drive("root", true)).ok());
  EXPECT_THAT(DriveIds(), ElementsAre("root", "a", "b", "c"));
}

TEST_F(VmResourcesTest, ADriveThatBecomesTheRootChangesPlacesWithTheFirst) {
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_TRUE(resources_.SetDrive(Drive(id)).ok());
  }
  ASSERT_TRUE(resources_.SetDrive(Drive("c", true)).ok());
  EXPECT_THAT(DriveIds(), ElementsAre("c", "b", "a"));
  // Nor is it the root for ever.
  ASSERT_TRUE(resources_.SetDrive(Drive("c")).ok());
  ASSERT_TRUE(resources_.SetDrive(Drive("b", true)).ok());
  EXPECT_THAT(DriveIds(), ElementsAre("b", "c", "a"));
}

TEST_F(VmResourcesTest, ThereIsOneRoot) {
  ASSERT_TRUE(resources_.SetDrive(Drive("a", true)).ok());
  ASSERT_TRUE(resources_.SetDrive(Drive("b")).ok());
  for (const char* id : {"b", "new"}) {
    EXPECT_EQ(resources_.SetDrive(Drive(id, true)).message(),
              "Drive config error: A root block device already exists!");
  }
  EXPECT_THAT(DriveIds(), ElementsAre("a", "b"));
}

TEST_F(VmResourcesTest, WrongDrivesAreRefusedAtOnce) {
  const std::string prefix = "Drive config error: Unable to create the virtio block device: ";
  DriveConfig drive = Drive("d");
  drive.path_on_host = kNoFile;
  const absl::Status missing = resources_.SetDrive(drive);
  EXPECT_EQ(missing.message(),
            absl::StrCat(prefix, "Virtio backend error: Error manipulating the backing file: ",
                         kMissingFile, " ", kNoFile));
  EXPECT_EQ(CauseText(missing), absl::StrCat("open ", kNoFile, ": No such file or directory"));
  drive.path_on_host.reset();
  EXPECT_EQ(resources_.SetDrive(drive).message(), absl::StrCat(prefix, "Invalid block config."));
  drive.socket = "s";
  EXPECT_EQ(resources_.SetDrive(drive).message(),
            "The requested operation is not supported: vhost-user-block device.");
  drive = Drive("d");
  drive.num_queues = 0;
  EXPECT_EQ(resources_.SetDrive(drive).message(),
            absl::StrCat(prefix, "num_queues must be at least 1."));
  drive = Drive("d");
  drive.serial = std::string(21, 's');
  EXPECT_EQ(resources_.SetDrive(drive).message(),
            absl::StrCat(prefix, "serial must have at most 20 bytes."));
  EXPECT_THAT(DriveIds(), ElementsAre());
}

// Kata's placeholders.
TEST_F(VmResourcesTest, ADisksFileMayBeEmpty) {
  const TemporaryFile empty({});
  DriveConfig drive = Drive("d");
  drive.path_on_host = empty.path();
  EXPECT_TRUE(resources_.SetDrive(drive).ok());
}

TEST_F(VmResourcesTest, BuildsTheMachine) {
  ASSERT_TRUE(resources_
                  .SetMachine({.vcpu_count = 4,
                               .mem_size_mib = 512,
                               .smt = true,
                               .track_dirty_pages = true,
                               .huge_pages = HugePages::kTransparent})
                  .ok());
  const auto config = resources_.BuildVmConfig();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->ram.size_bytes, uint64_t{512} << 20);
  EXPECT_EQ(config->ram.huge_pages, HugePages::kTransparent);
  EXPECT_EQ(config->vcpu_count, 4u);
  EXPECT_TRUE(config->smt);
  EXPECT_TRUE(config->tracks_dirty_pages);
  EXPECT_FALSE(config->cpu_template.has_value());
  EXPECT_TRUE(config->disks.empty());
}

TEST_F(VmResourcesTest, MoreMemoryThanThereAreAddressesDoesNotWrapAround) {
  ASSERT_TRUE(resources_.SetMachine({.vcpu_count = 1, .mem_size_mib = UINT64_MAX}).ok());
  EXPECT_EQ(resources_.BuildVmConfig()->ram.size_bytes, UINT64_MAX >> 20 << 20);
}

TEST_F(VmResourcesTest, BuildsItsDisks) {
  DriveConfig drive = Drive("d");
  drive.is_read_only = true;
  drive.cache_type = CacheType::kWriteback;
  drive.discard = true;
  drive.num_queues = 2;
  drive.serial = "S";
  drive.blk_size = 4096;
  drive.topology = BlockTopology{.physical_block_exp = 3};
  drive.rate_limiter = RateLimiterUpdate{.ops = TokenBucketConfig{.size = 1, .refill_time_ms = 2}};
  ASSERT_TRUE(resources_.SetDrive(drive).ok());
  EXPECT_EQ(resources_.BuildVmConfig().status().message(),
            "drive d: num_queues is 2, more than there are vCPUs");
  ASSERT_TRUE(resources_.UpdateMachine({.vcpu_count = 2}).ok());
  const auto config = resources_.BuildVmConfig();
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->disks.size(), 1u);
  const DiskConfig& disk = config->disks[0];
  EXPECT_EQ(disk.name, "d");
  ASSERT_NE(disk.file, nullptr);
  EXPECT_EQ(disk.file->size_bytes(), 1024u);
  EXPECT_EQ(disk.options.file.path, file_.path());
  EXPECT_TRUE(disk.options.file.is_read_only);
  EXPECT_FALSE(disk.options.file.is_direct);
  EXPECT_EQ(disk.options.cache_type, CacheType::kWriteback);
  EXPECT_TRUE(disk.options.allows_discard);
  EXPECT_EQ(disk.options.queue_count, 2u);
  EXPECT_EQ(disk.options.serial, "S");
  EXPECT_EQ(disk.options.logical_block_bytes, 4096u);
  EXPECT_EQ(disk.options.topology->physical_block_exp, 3);
  EXPECT_EQ(disk.options.rate_limiter.ops.refill_time_ms, 2u);
  EXPECT_FALSE(disk.options.rate_limiter.bandwidth.is_enabled());
}

TEST_F(VmResourcesTest, UpdatesOfARunningVmsDiskAreShown) {
  ASSERT_TRUE(resources_.SetDrive(Drive("d")).ok());
  ASSERT_TRUE(resources_.SetDrive(Drive("e")).ok());
  resources_.CloseFiles();
  resources_.RecordDriveUpdate({.drive_id = "d",
                                .path_on_host = "new",
                                .rate_limiter = RateLimiterUpdate{
                                    .ops = TokenBucketConfig{.size = 1, .refill_time_ms = 2}}});
  const auto json = resources_.ToJson();
  EXPECT_EQ(json["drives"][0]["path_on_host"], "new");
  EXPECT_EQ(json["drives"][0]["rate_limiter"]["ops"]["size"], 1);
  EXPECT_EQ(json["drives"][1]["path_on_host"], file_.path());
  EXPECT_TRUE(json["drives"][1]["rate_limiter"].is_null());
}

TEST_F(VmResourcesTest, MetadataNeedsCards) {
  EXPECT_EQ(resources_.SetMmds({}).message(),
            "MMMDS config error: The list of network interface IDs that allow forwarding MMDS "
            "requests is empty.");
  EXPECT_EQ(resources_.SetMmds({.network_interfaces = {"eth0"}}).message(),
            "MMMDS config error: The list of network interface IDs provided contains at least one "
            "ID that does not correspond to any existing network interface.");
  EXPECT_FALSE(resources_.mmds().has_value());
}

}  // namespace
}  // namespace mayfly
