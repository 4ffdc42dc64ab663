// LoadSnapshotFiles: what it makes of files and overrides, and its words for those that do not do.

#include "api/snapshot_load.h"

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/network_namespace.h"
#include "tests/fakes/temporary_file.h"
#include "tests/unit/api/snapshot_files.h"

namespace mayfly {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr char kState[] = "Failed to get snapshot state from file: ";
constexpr char kStateLoad[] =
    "Failed to get snapshot state from file: Failed to load snapshot state from file: ";
constexpr char kMemory[] = "Failed to load guest memory: Error creating guest memory from file: ";

std::string DiskJson(const std::string& path) {
  return R"({"drive_id":"d","is_root_device":false,"path_on_host":")" + path + R"("})";
}

constexpr char kCards[] =
    R"(,"network-interfaces":[{"iface_id":"a","host_dev_name":"tap_a",)"
    R"("guest_mac":"06:00:00:00:00:01"},{"iface_id":"b","host_dev_name":"tap_b"}],)"
    R"("mmds-config":{"network_interfaces":["b"],"version":"V2"})";

class SnapshotLoadTest : public testing::Test {
 protected:
  absl::StatusOr<LoadedSnapshot> Load(const SnapshotLoadRequest& request) {
    resources_.emplace(Tap::Missing::kIsCreated);
    timeline_.emplace(MonotonicTimeUs());
    return LoadSnapshotFiles(request, *resources_, *timeline_);
  }

  std::string Error(const SnapshotLoadRequest& request) {
    const absl::Status status = Load(request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  }

  // As GET /vm/config shows it.
  nlohmann::ordered_json Config() const { return resources_->ToJson(); }

  std::optional<VmResources> resources_;
  std::optional<PhaseTimeline> timeline_;
};

TEST_F(SnapshotLoadTest, MakesTheSavedVmsResourcesAndMemory) {
  const TemporaryFile disk(std::vector<uint8_t>(1024));
  const SnapshotFiles files(DiskJson(disk.path()));
  const auto loaded = Load(files.Request());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->state.id, files.state.id);
  EXPECT_EQ(loaded->memory.backing(), GuestMemory::Backing::kPrivateFile);
  EXPECT_EQ(*loaded->memory.ReadObject<uint64_t>(layout::kSnapshotId), files.state.id[0]);
  EXPECT_FALSE(loaded->userfault_fd.is_open());
  EXPECT_EQ(Config()["machine-config"]["mem_size_mib"], 4);
  EXPECT_EQ(Config()["boot-source"]["kernel_image_path"], "/no/such/kernel");
  EXPECT_EQ(Config()["drives"][0]["path_on_host"], disk.path());
  std::vector<std::string> phases;
  for (const PhaseTimeline::Phase& phase : timeline_->phases()) {
    phases.emplace_back(phase.name);
  }
  EXPECT_THAT(phases, ElementsAre("read the state file", "verify the state", "configure",
                                  "map guest memory"));
}

TEST_F(SnapshotLoadTest, DirtyPagesAreTrackedWhenTheRequestSaysSo) {
  const SnapshotFiles files;
  SnapshotLoadRequest request = files.Request();
  ASSERT_TRUE(Load(request).ok());
  EXPECT_FALSE(resources_->machine().track_dirty_pages);
  request.track_dirty_pages = true;
  ASSERT_TRUE(Load(request).ok());
  EXPECT_TRUE(resources_->machine().track_dirty_pages);
}

TEST_F(SnapshotLoadTest, AStateFileThatCannotBeReadIsNamed) {
  const SnapshotFiles files;
  SnapshotLoadRequest request = files.Request();
  request.snapshot_path = "/no/such/state";
  EXPECT_EQ(Error(request), std::string(kState) +
                                "Failed to open snapshot file: No such file or directory (os error "
                                "2) (/no/such/state)");
  request.snapshot_path = files.folder.path();
  EXPECT_EQ(Error(request), kStateLoad + files.folder.path() + " is not a regular file");
}

TEST_F(SnapshotLoadTest, AStateFileThatIsDamagedOrForeignIsNamed) {
  const SnapshotFiles files;
  const std::vector<uint8_t> good = ReadWholeFile(files.state_path());
  const std::string suffix = " (" + files.state_path() + ")";
  const auto error_of = [&](const std::vector<uint8_t>& bytes) {
    WriteWholeFile(files.state_path(), bytes);
    return Error(files.Request());
  };
  EXPECT_EQ(error_of({}),
            std::string(kStateLoad) + "IO Error: File too short to contain CRC" + suffix);
  std::vector<uint8_t> bytes = good;
  bytes[bytes.size() / 2] ^= 1;
  EXPECT_EQ(error_of(bytes),
            std::string(kStateLoad) + "CRC64 validation failed: the file is damaged" + suffix);
  bytes = good;
  bytes.pop_back();
  EXPECT_THAT(error_of(bytes), StartsWith(std::string(kStateLoad) + "the file has "));
  bytes = good;
  bytes[0] = 'm';
  EXPECT_EQ(error_of(bytes),
            std::string(kStateLoad) + "not a snapshot state file of Mayfly" + suffix);
  bytes = good;
  bytes[8] = kStateMajorVersion + 1;
  EXPECT_THAT(error_of(bytes), StartsWith(std::string(kStateLoad) + "Invalid data version: "));
}

TEST_F(SnapshotLoadTest, AConfigurationThatIsNoneIsTheStateFiles) {
  SnapshotFiles files;
  files.state.config_json = R"({"machine-config":1})";
  files.WriteState();
  const std::string error = Error(files.Request());
  EXPECT_THAT(error, StartsWith(std::string(kStateLoad) + "its configuration: "));
  EXPECT_THAT(error, HasSubstr(files.state_path()));
}

TEST_F(SnapshotLoadTest, AMemoryFileThatCannotBeReadIsNamed) {
  const SnapshotFiles files;
  SnapshotLoadRequest request = files.Request();
  request.mem_backend->path = "/no/such/memory";
  EXPECT_EQ(Error(request), std::string(kMemory) +
                                "Failed to load guest memory: No such file or directory (os error "
                                "2) (/no/such/memory)");
  request.mem_backend->path = files.folder.path();
  EXPECT_EQ(Error(request), kMemory + files.folder.path() + ": is not a regular file");
}

TEST_F(SnapshotLoadTest, AMemoryFileOfAnotherSnapshotIsRefused) {
  SnapshotFiles files;
  const std::vector<uint8_t> good = ReadWholeFile(files.memory_path());
  WriteWholeFile(files.memory_path(), std::vector<uint8_t>(good.begin(), good.end() - 4096));
  EXPECT_EQ(Error(files.Request()),
            kMemory + files.memory_path() +
                ": the memory file has 4190208 bytes, but the guest's memory has 4194304");
  WriteWholeFile(files.memory_path(), good);
  ASSERT_TRUE(Load(files.Request()).ok());
  files.state.id[1] += 1;
  files.WriteState();
  EXPECT_EQ(Error(files.Request()),
            std::string(kMemory) +
                "the memory file and the state file are not of the same snapshot (or its writing "
                "was cut off) (" +
                files.memory_path() + ")");
}

TEST_F(SnapshotLoadTest, HugePagesAreTheSnapshotsOrTheRequests) {
  SnapshotFiles files;
  files.state.vm.huge_pages = HugePages::k2M;
  files.WriteState();
  SnapshotLoadRequest request = files.Request();
  const std::string refused =
      std::string(kMemory) +
      "Cannot restore hugetlbfs backed snapshot by mapping the memory file. Please use uffd. (" +
      files.memory_path() + ")";
  EXPECT_EQ(Error(request), refused);
  request.huge_pages = RestoredPages::kNone;
  auto loaded = Load(request);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->state.vm.huge_pages, HugePages::kNone);
  request.huge_pages = RestoredPages::kTransparent;
  loaded = Load(request);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->state.vm.huge_pages, HugePages::kTransparent);
  request.huge_pages = RestoredPages::k2M;
  EXPECT_EQ(Error(request), refused);
}

TEST_F(SnapshotLoadTest, AUserfaultHandlerThatIsNotThereIsNamed) {
  const SnapshotFiles files;
  SnapshotLoadRequest request = files.Request();
  request.mem_backend = {.path = files.folder.PathOf("socket"), .type = MemoryBackendType::kUffd};
  const std::string error = Error(request);
  if (error.find("UFFD object") != std::string::npos) {
    GTEST_SKIP() << "no userfaultfd: " << error;
  }
  EXPECT_EQ(error,
            "Failed to load guest memory: Error creating guest memory from uffd: Failed to connect "
            "to UDS Unix stream: No such file or directory (os error 2) (" +
                request.mem_backend->path + ")");
}

TEST_F(SnapshotLoadTest, DrivesAreOnOtherFilesWhereTheRequestSaysSo) {
  const TemporaryFile disk(std::vector<uint8_t>(1024));
  const SnapshotFiles files(DiskJson("/no/such/disk"));
  EXPECT_THAT(Error(files.Request()),
              AllOf(StartsWith("Failed to build microVM: "),
                    HasSubstr("Virtio backend error: Error manipulating the backing file: No such "
                              "file or directory (os error 2) /no/such/disk")));
  SnapshotLoadRequest request = files.Request();
  request.drive_overrides = {
      {.drive_id = "d",
       .path_on_host = disk.path(),
       .rate_limiter = RateLimiterUpdate{.ops = {{.size = 5, .refill_time_ms = 6}}}}};
  ASSERT_TRUE(Load(request).ok());
  EXPECT_EQ(Config()["drives"][0]["path_on_host"], disk.path());
  EXPECT_EQ(Config()["drives"][0]["rate_limiter"]["ops"]["size"], 5);
}

TEST_F(SnapshotLoadTest, OverridesOfDevicesThatAreNotThereAreRefused) {
  const TemporaryFile disk(std::vector<uint8_t>(1024));
  const SnapshotFiles files(DiskJson(disk.path()));
  SnapshotLoadRequest request = files.Request();
  request.drive_overrides = {{.drive_id = "other"}};
  EXPECT_EQ(Error(request), std::string(kState) + "Unknown Block Device.");
  request.drive_overrides = {{.drive_id = "d"}, {.drive_id = "d"}};
  EXPECT_EQ(Error(request), std::string(kState) + "Unknown Block Device.");
  request = files.Request();
  request.network_overrides = {{.iface_id = "a"}};
  EXPECT_EQ(Error(request), std::string(kState) + "Unknown Network Device.");
  request = files.Request();
  request.vsock_override = JsonValue{.kind = JsonValue::Kind::kObject};
  EXPECT_EQ(Error(request), std::string(kState) + "Unknown Vsock Device.");
}

TEST_F(SnapshotLoadTest, CardsAreOnOtherTapsWhereTheRequestSaysSo) {
  const std::string reason = NetworkNamespace::Run([this] {
    const SnapshotFiles files("", kCards);
    NetworkNamespace::AddTap("tap_b");
    NetworkNamespace::AddTap("tap_c");
    SnapshotLoadRequest request = files.Request();
    request.network_overrides = {
        {.iface_id = "a",
         .host_dev_name = "tap_c",
         .guest_mac = MacAddress{6, 0, 0, 0, 0, 9},
         .rx_rate_limiter = RateLimiterUpdate{.ops = {{.size = 1, .refill_time_ms = 2}}},
         .tx_rate_limiter = RateLimiterUpdate{.bandwidth = {{.size = 3, .refill_time_ms = 4}}}}};
    const auto loaded = Load(request);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    const auto cards = Config()["network-interfaces"];
    EXPECT_EQ(cards[0]["host_dev_name"], "tap_c");
    EXPECT_EQ(cards[0]["guest_mac"], "06:00:00:00:00:09");
    EXPECT_EQ(cards[0]["rx_rate_limiter"]["ops"]["size"], 1);
    EXPECT_EQ(cards[0]["tx_rate_limiter"]["bandwidth"]["size"], 3);
    EXPECT_EQ(cards[1]["host_dev_name"], "tap_b");
    EXPECT_TRUE(cards[1]["guest_mac"].is_null());
    EXPECT_EQ(Config()["mmds-config"]["version"], "V2");
  });
  if (!reason.empty()) {
    GTEST_SKIP() << reason;
  }
}

TEST_F(SnapshotLoadTest, ATapThatIsNotThereIsNamedAndNotMade) {
  const std::string reason = NetworkNamespace::Run([this] {
    const SnapshotFiles files("", kCards);
    NetworkNamespace::AddTap("tap_a");
    EXPECT_THAT(Error(files.Request()),
                AllOf(StartsWith("Failed to build microVM: Network config error: "),
                      HasSubstr("there is no network interface 'tap_b'")));
    EXPECT_EQ(if_nametoindex("tap_b"), 0u);
  });
  if (!reason.empty()) {
    GTEST_SKIP() << reason;
  }
}

}  // namespace
}  // namespace mayfly
