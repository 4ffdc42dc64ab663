// BlockDevice: what is in flight, asked for and changed around a pause.

#include <cstdint>
#include <vector>

#include "devices/virtio/block_device.h"
#include "gtest/gtest.h"
#include "tests/unit/devices/virtio/block_fixture.h"

namespace mayfly {
namespace {

class BlockDevicePauseTest : public BlockTest {
 protected:
  void Pause() {
    bool is_paused = false;
    disk->Pause([&] { is_paused = true; });
    EXPECT_FALSE(is_paused);
    RunUntil([&] { return is_paused; });
  }
  // Makes one-sector reads of the sectors from 0 on available, without a notification.
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

TEST_F(BlockDevicePauseTest, EveryRequestIsAnsweredOnceOverManyPauses) {
  StartDisk(1 << 20);
  const uint64_t data = driver->Allocate(256 * kSectorBytes);
  for (int round = 0; round < 100; ++round) {
    driver->FreeAll();
    ASSERT_EQ(driver->Allocate(256 * kSectorBytes), data);
    driver->Fill(data, 256 * kSectorBytes, 0xcc);
    AddReads(data, 200);
    driver->Notify(0);
    RunFor(round % 4);
    Pause();
    const uint16_t answered = driver->queue(0).used_count();
    // A device that is paused answers nothing, and writes nothing.
    const std::vector<uint8_t> before = driver->Load(data, 200 * kSectorBytes);
    driver->Notify(0);
    RunFor(200);
    ASSERT_EQ(driver->queue(0).used_count(), answered);
    ASSERT_EQ(driver->Load(data, 200 * kSectorBytes), before);
    disk->Resume();
    RunUntil([&] { return driver->queue(0).used_count() == 200; });
    ASSERT_EQ(driver->Load(data, 200 * kSectorBytes), Pattern(0, 200 * kSectorBytes));
    while (driver->queue(0).TakeUsed()) {
    }
  }
}

TEST_F(BlockDevicePauseTest, ResumeFindsRequestsThatNobodyNotifiedOf) {
  StartDisk(1 << 20);
  Pause();
  AddReads(driver->Allocate(kSectorBytes), 1);
  RunFor(500);
  EXPECT_EQ(driver->queue(0).used_count(), 0);
  disk->Resume();
  RunUntil([&] { return driver->queue(0).used_count() == 1; });
}

TEST_F(BlockDevicePauseTest, AnotherFileTakesItsPlaceAtOnceWhilePaused) {
  StartDisk(1 << 20);
  const TemporaryFile other(std::vector<uint8_t>(4096, 0x77));
  Pause();
  bool is_reopened = false;
  disk->Reopen(other.path(), [&](const absl::Status& status) { is_reopened = status.ok(); });
  EXPECT_TRUE(is_reopened);
  EXPECT_NE(driver->TakeInterruptStatus() & 2u, 0u);
  disk->Resume();
  EXPECT_EQ(Read(7, 512), std::vector<uint8_t>(512, 0x77));
}

TEST_F(BlockDevicePauseTest, AResumeEndsAPauseThatIsNotDone) {
  StartDisk(1 << 20);
  bool is_paused = false;
  disk->Pause([&] { is_paused = true; });
  disk->Resume();
  EXPECT_EQ(Read(3, 512), Pattern(3 * kSectorBytes, 512));
  EXPECT_FALSE(is_paused);
}

TEST_F(BlockDevicePauseTest, AnInactiveDiskPauses) {
  file.emplace(Pattern(0, 4096));
  StartDiskOn(file->path());
  Reset();
  Pause();
  disk->Resume();
  driver->FreeAll();
  StartWithRings();
  EXPECT_EQ(Read(1, 512), Pattern(512, 512));
}

TEST_F(BlockDevicePauseTest, QuiescesWhilePaused) {
  StartDisk(1 << 20, {.cache_type = CacheType::kWriteback});
  Pause();
  bool is_quiesced = false;
  disk->Quiesce([&] { is_quiesced = true; });
  RunUntil([&] { return is_quiesced; });
}

}  // namespace
}  // namespace mayfly
