// BlockDevice: resets and file changes with I/O in flight, faults of the host, limits, bounds.

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "devices/virtio/block_device.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/heap_use.h"
#include "tests/unit/devices/virtio/block_fixture.h"

namespace mayfly {
namespace {

using testing::HasSubstr;

constexpr uint8_t kOk = 0;
constexpr uint8_t kIoError = 1;
// 256 requests, each with three lists of 256 segments of 16 bytes, and itself.
constexpr size_t kQueueBoundBytes = 3'460'300;

class BlockDeviceLifeTest : public BlockTest {
 protected:
  // Makes as many one-sector reads available as the queue takes, sector i to the i-th buffer.
  void AddReads(uint64_t data, uint32_t count) {
    const uint64_t status = driver->Allocate(count);
    for (uint32_t i = 0; i < count; ++i) {
      driver->queue(0).Add(ChainBuilder()
                               .Readable(StoreHeader(BlockRequestType::kIn, i), 16)
                               .Writable(data + i * kSectorBytes, kSectorBytes)
                               .Writable(status + i, 1)
                               .Indirect(memory, driver->Allocate(48)));
    }
  }
};

TEST_F(BlockDeviceLifeTest, AResetWithIoInFlightLeavesMemoryAlone) {
  StartDisk(1 << 20, {.file = {.is_direct = false}});
  const uint64_t data = driver->Allocate(256 * kSectorBytes);
  for (int round = 0; round < 20; ++round) {
    driver->FreeAll();
    ASSERT_EQ(driver->Allocate(256 * kSectorBytes), data);
    AddReads(data, 256);
    driver->Notify(0);
    if (round % 2 == 1) {
      RunFor(1);
    }
    Reset();
    // What the device still writes now would be seen.
    driver->Fill(0x10000, data + 256 * kSectorBytes - 0x10000, 0xcc);
    RunFor(300);
    const std::vector<uint8_t> after = driver->Load(0x10000, data + 256 * kSectorBytes - 0x10000);
    ASSERT_EQ(std::count(after.begin(), after.end(), 0xcc), static_cast<ptrdiff_t>(after.size()));
    StartWithRings();
  }
  driver->FreeAll();
  EXPECT_EQ(Read(5, 512), Pattern(5 * kSectorBytes, 512));
}

// CVE-2026-45782: the second of two chains of the same head in flight.
TEST_F(BlockDeviceLifeTest, Cve2026_45782_DuplicateHeadInFlight) {
  StartDisk(1 << 20);
  const uint64_t status = AllocateStatus();
  const uint16_t head =
      driver->queue(0).Add(ChainBuilder()
                               .Readable(StoreHeader(BlockRequestType::kIn, 0), 16)
                               .Writable(driver->Allocate(4096), 4096)
                               .Writable(status, 1)
                               .Build());
  driver->queue(0).MakeAvailable(head);
  driver->Notify(0);
  RunUntil([&] { return NeedsReset(); });
  RunFor(2'000);
  EXPECT_EQ(disk->metrics().event_fails, 1u);
  EXPECT_EQ(driver->queue(0).used_count(), 0);
  Reset();
  StartWithRings();
  driver->FreeAll();
  EXPECT_EQ(Read(1, 512), Pattern(512, 512));
}

// CVE-2026-27211: a disk whose first bytes look like another format stays what it is.
TEST_F(BlockDeviceLifeTest, Cve2026_27211_NoFormatIsProbed) {
  StartDisk(64 << 10);
  std::vector<uint8_t> qcow(512);
  const char magic[] = "QFI\xfb\0\0\0\3\0\0\0\0\0\0\0\x70\0\0\0\x0b";
  std::memcpy(qcow.data(), magic, sizeof(magic));
  std::memcpy(qcow.data() + 0x70, "/etc/passwd", 11);
  ASSERT_EQ(Write(0, qcow).status, kOk);
  const std::string path = file->path();
  bool is_reopened = false;
  disk->Reopen(path, [&](const absl::Status& status) { is_reopened = status.ok(); });
  RunUntil([&] { return is_reopened; });
  EXPECT_EQ(Read(0, 512), qcow);
  EXPECT_EQ(disk->file().sector_count(), 128u);
  EXPECT_EQ(Read(64, 512), Pattern(64 * kSectorBytes, 512));
}

TEST_F(BlockDeviceLifeTest, AFileCutShortGivesIoErrors) {
  StartDisk(64 << 10);
  ASSERT_EQ(truncate(file->path().c_str(), 4096), 0);
  EXPECT_EQ(Read(7, 512), Pattern(7 * kSectorBytes, 512));
  const uint64_t data = driver->Allocate(8192);
  EXPECT_EQ(Do(BlockRequestType::kIn, 8, data, 512).status, kIoError);
  EXPECT_EQ(Do(BlockRequestType::kIn, 0, data, 8192).status, kIoError);
  EXPECT_EQ(disk->metrics().execute_fails, 2u);
  ASSERT_FALSE(warnings.empty());
  EXPECT_THAT(warnings[0], HasSubstr("read"));
  EXPECT_FALSE(NeedsReset());
}

TEST_F(BlockDeviceLifeTest, AGuestCannotFillTheLogWithErrors) {
  StartDisk(64 << 10);
  ASSERT_EQ(truncate(file->path().c_str(), 0), 0);
  const uint64_t data = driver->Allocate(512);
  for (int i = 0; i < 100; ++i) {
    driver->FreeAll();
    ASSERT_EQ(Do(BlockRequestType::kIn, 8, data, 512).status, kIoError);
  }
  EXPECT_LE(warnings.size(), 10u);
}

TEST_F(BlockDeviceLifeTest, TheFileSizeLimitGivesAnIoError) {
  StartDisk(64 << 10);
  ASSERT_EQ(truncate(file->path().c_str(), 4096), 0);
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit low = {.rlim_cur = 4096, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &low), 0);
  const Answer answer = Write(8, std::vector<uint8_t>(512, 1));
  const Answer inside = Write(7, std::vector<uint8_t>(512, 1));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(answer.status, kIoError);
  EXPECT_EQ(inside.status, kOk);
}

TEST_F(BlockDeviceLifeTest, DirectIoTakesBuffersOfAnyAlignment) {
  file.emplace(Pattern(0, 64 << 10));
  BlockDeviceOptions options = {.file = {.path = file->path(), .is_direct = true}};
  if (!BlockDevice::Create(loop.get(), options).ok()) {
    GTEST_SKIP() << "the file system of /tmp has no O_DIRECT";
  }
  StartDiskOn(file->path(), options);
  const uint64_t data = driver->Allocate(0x4000);
  for (const uint64_t offset : {uint64_t{0}, uint64_t{1}, uint64_t{512}, uint64_t{515}}) {
    const uint64_t start = ((data + 0xfff) & ~uint64_t{0xfff}) + offset;
    ASSERT_EQ(Do(BlockRequestType::kIn, 3, start, 4096).status, kOk);
    ASSERT_EQ(driver->Load(start, 4096), Pattern(3 * kSectorBytes, 4096));
    ASSERT_EQ(Do(BlockRequestType::kOut, 16, start, 4096).status, kOk);
    ASSERT_EQ(Read(16, 4096), Pattern(3 * kSectorBytes, 4096));
  }
}

TEST_F(BlockDeviceLifeTest, AnotherFileTakesItsPlaceWhileRequestsAreInFlight) {
  StartDisk(1 << 20);
  const TemporaryFile larger(std::vector<uint8_t>(2 << 20, 0x77));
  const uint64_t data = driver->Allocate(256 * kSectorBytes);
  AddReads(data, 256);
  driver->Notify(0);
  bool is_reopened = false;
  RunFor(1);
  disk->Reopen(larger.path(), [&](const absl::Status& status) { is_reopened = status.ok(); });
  RunUntil([&] { return is_reopened && driver->queue(0).used_count() == 256; });
  // Each came from one of the two files as a whole.
  for (uint64_t i = 0; i < 256; ++i) {
    const std::vector<uint8_t> sector = driver->Load(data + i * kSectorBytes, kSectorBytes);
    ASSERT_TRUE(sector == Pattern(i * 512, 512) || sector == std::vector<uint8_t>(512, 0x77));
  }
  EXPECT_NE(driver->TakeInterruptStatus() & 2u, 0u);
  EXPECT_EQ(driver->ReadConfig(0, 8), (std::vector<uint8_t>{0, 16, 0, 0, 0, 0, 0, 0}));
  while (driver->queue(0).TakeUsed()) {
  }
  EXPECT_EQ(Read(4095, 512), std::vector<uint8_t>(512, 0x77));
  EXPECT_EQ(FileBytes(), Pattern(0, 1 << 20));
}

TEST_F(BlockDeviceLifeTest, KeepsItsFileWhenAnotherCannotBeOpened) {
  StartDisk(64 << 10);
  absl::Status result;
  disk->Reopen("/tmp/mayfly-test-none", [&](absl::Status status) { result = std::move(status); });
  EXPECT_EQ(result.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(disk->metrics().update_fails, 1u);
  EXPECT_EQ(Read(3, 512), Pattern(3 * kSectorBytes, 512));
}

TEST_F(BlockDeviceLifeTest, QuiesceCompletesWhatIsInFlight) {
  StartDisk(1 << 20, {.cache_type = CacheType::kWriteback});
  AddReads(driver->Allocate(128 * kSectorBytes), 128);
  driver->Notify(0);
  RunFor(1);
  bool is_quiesced = false;
  disk->Quiesce([&] { is_quiesced = true; });
  EXPECT_FALSE(is_quiesced);
  RunUntil([&] { return is_quiesced; });
  RunFor(1'000);
  const uint16_t used_count = driver->queue(0).used_count();
  EXPECT_TRUE(used_count == 0 || used_count == 128);
  driver->Notify(0);
  RunFor(1'000);
  EXPECT_EQ(driver->queue(0).used_count(), used_count);
}

TEST_F(BlockDeviceLifeTest, KeepsToItsRate) {
  RateLimiterConfig limits;
  limits.ops = {.size = 20, .refill_time_ms = 100};
  StartDisk(1 << 20, {.rate_limiter = limits});
  AddReads(driver->Allocate(60 * kSectorBytes), 60);
  const int64_t start_us = MonotonicTimeUs();
  driver->Notify(0);
  RunUntil([&] { return driver->queue(0).used_count() == 60; });
  // 20 at once, then 40 at 200 a second.
  EXPECT_GE(MonotonicTimeUs() - start_us, 190'000);
  EXPECT_LT(MonotonicTimeUs() - start_us, 400'000);
  EXPECT_GT(disk->metrics().rate_limiter_throttled_events, 0u);
}

// The bound that BlockDevice states, whatever the guest does. Here every descriptor of the queue
// heads a request, and requests have as many segments as they may: alone, and as pairs that follow
// each other on the disk.
TEST_F(BlockDeviceLifeTest, MemoryDoesNotGrowWithWhatTheGuestSends) {
  StartDisk(1 << 20);
  const size_t before = HeapUseBytes();
  for (int round = 0; round < 50; ++round) {
    driver->FreeAll();
    const uint64_t data = driver->Allocate(513);
    // Writes, as they take long enough for all to be in flight; of one sector in many pieces.
    const uint32_t segment_count = round % 2 == 0 ? 254 : 127;
    const uint32_t piece_bytes = 512 / segment_count;
    const uint32_t last_bytes = 512 - (segment_count - 1) * piece_bytes;
    for (uint64_t i = 0; driver->queue(0).free_descriptor_count() > 0; ++i) {
      // Another request is the first of a pair each time.
      const uint64_t sector = round % 2 == 0 ? 2 * i : i + static_cast<uint64_t>(round) / 2 % 2;
      ChainBuilder chain;
      chain.Readable(StoreHeader(BlockRequestType::kOut, sector), 16);
      for (uint32_t segment = 1; segment < segment_count; ++segment) {
        chain.Readable(data, piece_bytes);
      }
      driver->queue(0).Add(chain.Readable(data, last_bytes)
                               .Writable(data + 512, 1)
                               .Indirect(memory, driver->Allocate(4096)));
    }
    driver->Notify(0);
    RunUntil([&] { return driver->queue(0).used_count() == 256; });
    while (driver->queue(0).TakeUsed()) {
    }
  }
  EXPECT_LT(HeapUseBytes(), before + kQueueBoundBytes);
}

// CVE-2022-26354: a request that is refused gives back all that it took.
TEST_F(BlockDeviceLifeTest, Cve2022_26354_RefusedRequestsLeakNothing) {
  StartDisk(64 << 10);
  const uint64_t header = StoreHeader(BlockRequestType::kIn, ~uint64_t{0});
  const uint64_t room = driver->Allocate(513);
  const std::vector<VirtqDescriptor> chain =
      ChainBuilder().Readable(header, 16).Writable(room, 513).Build();
  size_t after_first_round = 0;
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 128; ++i) {
      driver->queue(0).Add(chain);
    }
    driver->Notify(0);
    RunUntil([&] { return driver->queue(0).used_count() == 128; });
    while (driver->queue(0).TakeUsed()) {
    }
    after_first_round = round == 0 ? HeapUseBytes() : after_first_round;
  }
  EXPECT_EQ(disk->metrics().invalid_reqs_count, 12'800u);
  EXPECT_LT(HeapUseBytes(), after_first_round + 4096);
}

}  // namespace
}  // namespace mayfly
