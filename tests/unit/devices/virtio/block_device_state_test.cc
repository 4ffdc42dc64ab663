// BlockDevice: a disk that goes on elsewhere answers every request once.

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "devices/virtio/block_device.h"
#include "gtest/gtest.h"
#include "tests/unit/devices/virtio/block_fixture.h"

namespace mayfly {
namespace {

class BlockDeviceStateTest : public BlockTest {
 protected:
  std::unique_ptr<BlockDevice> MakeDisk(const std::string& path, BlockDeviceOptions options = {}) {
    options.file.path = path;
    auto created = BlockDevice::Create(loop.get(), std::move(options));
    EXPECT_TRUE(created.ok()) << created.status();
    disk = created->get();
    return *std::move(created);
  }
  // Makes reads of one sector each available, of the sectors from 0 on.
  uint64_t AddReads(uint32_t count) {
    const uint64_t data = driver->Allocate(count * kSectorBytes);
    status = driver->Allocate(count);
    driver->Fill(status, count, kNoStatus);
    for (uint32_t i = 0; i < count; ++i) {
      driver->queue(0).Add(ChainBuilder()
                               .Readable(StoreHeader(BlockRequestType::kIn, i), 16)
                               .Writable(data + i * kSectorBytes, kSectorBytes)
                               .Writable(status + i, 1)
                               .Indirect(memory, driver->Allocate(48)));
    }
    driver->Notify(0);
    return data;
  }
  void ExpectAllRead(uint64_t data, uint32_t count) {
    RunUntil([&] { return driver->queue(0).used_count() == count; });
    RunFor(200);
    EXPECT_EQ(driver->queue(0).used_count(), count);
    EXPECT_EQ(driver->Load(data, count * kSectorBytes), Pattern(0, count * kSectorBytes));
    EXPECT_EQ(driver->Load(status, count), std::vector<uint8_t>(count, 0));
    while (driver->queue(0).TakeUsed()) {
    }
    EXPECT_EQ(driver->queue(0).outstanding_count(), 0u);
  }

  uint64_t status = 0;
};

TEST_F(BlockDeviceStateTest, EveryRequestIsAnsweredOnceOnBothSides) {
  for (int64_t delay_us = 0; delay_us < 10; ++delay_us) {
    StartDisk(1 << 20);
    const uint64_t data = AddReads(200);
    RunFor(delay_us * 20);
    const Snapshot snapshot = TakeSnapshot();
    transport->Resume();
    ExpectAllRead(data, 200);

    Restore(snapshot, MakeDisk(file->path()));
    const std::vector<uint8_t> before = RamBytes();
    RunFor(300);
    ASSERT_EQ(RamBytes(), before);
    irq.Take();
    transport->Resume();
    ExpectAllRead(data, 200);
    EXPECT_EQ(Read(3, 512), Pattern(3 * kSectorBytes, 512));
  }
}

TEST_F(BlockDeviceStateTest, ARequestThatTheLimiterSentBackIsNotLost) {
  BlockDeviceOptions options;
  options.rate_limiter.ops = {.size = 2, .refill_time_ms = 600'000};
  StartDisk(1 << 20, options);
  const uint64_t data = AddReads(10);
  RunUntil([&] { return driver->queue(0).used_count() == 2; });
  RunUntil([&] { return disk->metrics().rate_limiter_throttled_events > 0; });
  const Snapshot snapshot = TakeSnapshot();
  const BlockDeviceState state = disk->State();
  EXPECT_EQ(state.rate_limiter.ops->level, 0u);
  EXPECT_FALSE(state.rate_limiter.bandwidth.has_value());

  // With the same limit it is still used up.
  Restore(snapshot, MakeDisk(file->path(), options));
  EXPECT_TRUE(disk->Restore(state).ok());
  transport->Resume();
  RunFor(2'000);
  EXPECT_EQ(driver->queue(0).used_count(), 2);
  EXPECT_GT(disk->metrics().rate_limiter_throttled_events, 0u);
  EXPECT_EQ(disk->State(), state);

  Restore(snapshot, MakeDisk(file->path()));
  EXPECT_TRUE(disk->Restore(state).ok());
  transport->Resume();
  ExpectAllRead(data, 10);
}

TEST_F(BlockDeviceStateTest, AnImpossibleStateIsRefused) {
  StartDisk(1 << 20);
  EXPECT_EQ(disk->Restore({.rate_limiter = {.bandwidth = TokenBucketState{.level = 1, .debt = 1}}})
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(BlockDeviceStateTest, TheGuestIsToldOfAnotherSize) {
  StartDisk(1 << 20);
  const Snapshot snapshot = TakeSnapshot();
  const TemporaryFile larger(Pattern(0, 2 << 20));
  Restore(snapshot, MakeDisk(larger.path()));
  irq.Take();
  transport->Resume();
  EXPECT_EQ(irq.Take(), 1);
  EXPECT_EQ(driver->TakeInterruptStatus(), mmio::kInterruptConfig);
  EXPECT_EQ(driver->ReadConfig(0, 2), (std::vector<uint8_t>{0x00, 0x10}));
  EXPECT_EQ(Read(4000, 512), Pattern(4000 * kSectorBytes, 512));
}

TEST_F(BlockDeviceStateTest, ADiskThatOffersLessIsRefused) {
  StartDisk(1 << 20, {.cache_type = CacheType::kWriteback});
  const Snapshot snapshot = TakeSnapshot();
  CreateTransport(MakeDisk(file->path()));
  const absl::Status refused = transport->Restore(snapshot.state);
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(refused.message().find("bits 9"), absl::string_view::npos) << refused;
}

}  // namespace
}  // namespace mayfly
