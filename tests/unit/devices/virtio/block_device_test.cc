// BlockDevice: what a driver can ask of a disk, however it cuts its buffers.

#include "devices/virtio/block_device.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/devices/virtio/block_fixture.h"

namespace mayfly {
namespace {

constexpr uint8_t kOk = 0;
constexpr uint8_t kIoError = 1;
constexpr uint8_t kUnsupported = 2;

class BlockDeviceTest : public BlockTest {
 protected:
  // A range of DISCARD or WRITE_ZEROES (virtio 1.2, 5.2.6).
  static std::vector<uint8_t> Range(uint64_t sector, uint32_t count, uint32_t flags) {
    std::vector<uint8_t> bytes(16);
    std::memcpy(bytes.data(), &sector, 8);
    std::memcpy(bytes.data() + 8, &count, 4);
    std::memcpy(bytes.data() + 12, &flags, 4);
    return bytes;
  }
  uint8_t DoRanges(BlockRequestType type, const std::vector<uint8_t>& ranges) {
    return Do(type, 0, driver->Store(ranges), static_cast<uint32_t>(ranges.size())).status;
  }
};

TEST_F(BlockDeviceTest, ReadsAndWritesSectors) {
  StartDisk(64 << 10);
  EXPECT_EQ(Read(0, 512), Pattern(0, 512));
  EXPECT_EQ(Read(127, 512), Pattern(127 * kSectorBytes, 512));
  EXPECT_EQ(Read(0, 64 << 10), Pattern(0, 64 << 10));
  const std::vector<uint8_t> bytes(1024, 0x5a);
  const Answer answer = Write(3, bytes);
  EXPECT_EQ(answer.status, kOk);
  EXPECT_EQ(answer.written_bytes, 1u);
  std::vector<uint8_t> expected = Pattern(0, 64 << 10);
  std::copy(bytes.begin(), bytes.end(), expected.begin() + 1536);
  EXPECT_EQ(FileBytes(), expected);
  EXPECT_EQ(Read(2, 2048), std::vector<uint8_t>(expected.begin() + 1024, expected.begin() + 3072));
  EXPECT_EQ(disk->metrics().read_count, 4u);
  EXPECT_EQ(disk->metrics().write_bytes, 1024u);
}

TEST_F(BlockDeviceTest, OneInterruptForABatch) {
  StartDisk(64 << 10);
  const uint64_t data = driver->Allocate(4096);
  const uint64_t status = driver->Allocate(8);
  for (uint64_t i = 0; i < 8; ++i) {
    driver->queue(0).Add(ChainBuilder()
                             .Readable(StoreHeader(BlockRequestType::kGetId, 0), 16)
                             .Writable(data + i * 512, 20)
                             .Writable(status + i, 1)
                             .Build());
  }
  driver->Notify(0);
  RunUntil([&] { return driver->queue(0).used_count() == 8; });
  EXPECT_EQ(irq.Take(), 1);
  EXPECT_EQ(driver->TakeInterruptStatus(), 1u);
}

// 2.7.4.1: a device makes no assumption about how a driver cuts its buffers.
TEST_F(BlockDeviceTest, TakesARequestCutAtEveryByte) {
  StartDisk(8 << 10);
  const uint64_t header = StoreHeader(BlockRequestType::kOut, 2);
  const std::vector<uint8_t> bytes = Pattern(99, 512);
  // Header and data lie one behind the other, so that a cut may fall into either.
  ASSERT_EQ(driver->Store(bytes), header + 16);
  const uint64_t status = AllocateStatus();
  for (uint32_t cut = 1; cut < 16 + 512; cut += cut < 40 ? 1 : 97) {
    ASSERT_EQ(Write(2, std::vector<uint8_t>(512)).status, kOk);
    const Answer answer = Finish(ChainBuilder()
                                     .Readable(header, cut)
                                     .Readable(header + cut, 16 + 512 - cut)
                                     .Writable(status, 1)
                                     .Build(),
                                 status);
    ASSERT_EQ(answer.status, kOk) << cut;
    ASSERT_EQ(Read(2, 512), bytes) << cut;
  }
}

TEST_F(BlockDeviceTest, TakesAnAnswerCutAtEveryByte) {
  StartDisk(8 << 10);
  const uint64_t header = StoreHeader(BlockRequestType::kIn, 3);
  // The status is the last byte, wherever the cut is.
  const uint64_t data = driver->Allocate(513);
  for (uint32_t cut = 1; cut < 513; cut += cut < 4 || cut > 508 ? 1 : 127) {
    driver->Fill(data, 513, kNoStatus);
    const Answer answer = Finish(ChainBuilder()
                                     .Readable(header, 16)
                                     .Writable(data, cut)
                                     .Writable(data + cut, 513 - cut)
                                     .Build(),
                                 data + 512);
    ASSERT_EQ(answer.status, kOk) << cut;
    ASSERT_EQ(answer.written_bytes, 513u);
    ASSERT_EQ(driver->Load(data, 512), Pattern(3 * kSectorBytes, 512)) << cut;
  }
}

TEST_F(BlockDeviceTest, TakesAsManySegmentsAsTheQueueHas) {
  StartDisk(1 << 20);
  const uint64_t status = AllocateStatus();
  const uint64_t data = driver->Allocate(254 * uint64_t{1024});
  ChainBuilder chain;
  chain.Readable(StoreHeader(BlockRequestType::kIn, 7), 16);
  // In an order of their own, so that a mixed-up segment shows.
  for (uint64_t i = 0; i < 254; ++i) {
    chain.Writable(data + (i * 101 % 254) * 1024, 1024);
  }
  chain.Writable(status, 1);
  for (const bool is_indirect : {false, true}) {
    driver->Fill(data, 254 * uint64_t{1024}, 0);
    const Answer answer = Finish(
        is_indirect ? chain.Indirect(memory, driver->Allocate(4096)) : chain.Build(), status);
    ASSERT_EQ(answer.status, kOk);
    for (uint64_t i = 0; i < 254; ++i) {
      ASSERT_EQ(driver->Load(data + (i * 101 % 254) * 1024, 1024),
                Pattern(7 * kSectorBytes + i * 1024, 1024));
    }
  }
}

TEST_F(BlockDeviceTest, RefusesWhatIsNotOnTheDisk) {
  // 16 sectors and half of one, which is out of reach.
  StartDisk(8 * 1024 + 256);
  const uint64_t data = driver->Allocate(16 << 10);
  struct {
    uint64_t sector;
    uint32_t size_bytes;
  } const bad[] = {{16, 512},
                   {15, 1024},
                   {0, 17 * 512},
                   {~uint64_t{0}, 512},
                   {~uint64_t{0} / 512, 512},
                   {~uint64_t{0} / 512 + 1, 512},
                   {uint64_t{1} << 63, 512},
                   {0, 1},
                   {0, 511},
                   {0, 513}};
  for (const auto& [sector, size_bytes] : bad) {
    EXPECT_EQ(Do(BlockRequestType::kIn, sector, data, size_bytes).status, kIoError) << sector;
    EXPECT_EQ(Do(BlockRequestType::kOut, sector, data, size_bytes).status, kIoError) << sector;
  }
  EXPECT_EQ(FileBytes(), Pattern(0, 8 * 1024 + 256));
  EXPECT_EQ(driver->Load(data, 16 << 10), std::vector<uint8_t>(16 << 10));
  EXPECT_EQ(disk->metrics().invalid_reqs_count, 20u);
  EXPECT_FALSE(NeedsReset());
}

TEST_F(BlockDeviceTest, ATransferOfNothingIsDone) {
  StartDisk(8 << 10);
  EXPECT_EQ(Do(BlockRequestType::kIn, 16, 0, 0).status, kOk);
  EXPECT_EQ(Do(BlockRequestType::kOut, 0, 0, 0).status, kOk);
}

TEST_F(BlockDeviceTest, AnEmptyFileIsADiskOfNoSectors) {
  StartDisk(0);
  EXPECT_EQ(driver->ReadConfig(0, 8), std::vector<uint8_t>(8));
  EXPECT_EQ(Do(BlockRequestType::kIn, 0, driver->Allocate(512), 512).status, kIoError);
}

TEST_F(BlockDeviceTest, AReadOnlyDiskIsNotWritten) {
  StartDisk(8 << 10, {.file = {.is_read_only = true}});
  EXPECT_NE(driver->device_features() & kBlockFeatureReadOnly, 0u);
  EXPECT_EQ(driver->device_features() & kBlockFeatureDiscard, 0u);
  EXPECT_EQ(Write(0, std::vector<uint8_t>(512)).status, kIoError);
  EXPECT_NE(DoRanges(BlockRequestType::kDiscard, Range(0, 1, 0)), kOk);
  EXPECT_NE(DoRanges(BlockRequestType::kWriteZeroes, Range(0, 1, 0)), kOk);
  EXPECT_EQ(FileBytes(), Pattern(0, 8 << 10));
  EXPECT_EQ(Read(1, 512), Pattern(512, 512));
}

TEST_F(BlockDeviceTest, FlushesOnlyWhereItPromisedTo) {
  StartDisk(8 << 10, {.cache_type = CacheType::kWriteback});
  EXPECT_NE(driver->device_features() & kBlockFeatureFlush, 0u);
  EXPECT_EQ(Do(BlockRequestType::kFlush, 0, 0, 0).status, kOk);
  EXPECT_EQ(disk->metrics().flush_count, 1u);
  StartDisk(8 << 10, {.cache_type = CacheType::kUnsafe});
  EXPECT_EQ(driver->device_features() & kBlockFeatureFlush, 0u);
  EXPECT_EQ(Do(BlockRequestType::kFlush, 0, 0, 0).status, kUnsupported);
}

TEST_F(BlockDeviceTest, TellsItsId) {
  StartDisk(8 << 10, {.serial = "root-disk"});
  const uint64_t data = driver->Allocate(32);
  EXPECT_EQ(Do(BlockRequestType::kGetId, 0, data, 20).status, kOk);
  std::vector<uint8_t> expected(20);
  std::memcpy(expected.data(), "root-disk", 9);
  EXPECT_EQ(driver->Load(data, 20), expected);
  // No more than there is room for, and nothing behind it (as Firecracker 5762 did).
  driver->Fill(data, 32, 0xee);
  EXPECT_EQ(Do(BlockRequestType::kGetId, 0, data, 4).status, kOk);
  EXPECT_EQ(driver->Load(data, 5), (std::vector<uint8_t>{'r', 'o', 'o', 't', 0xee}));
  EXPECT_EQ(Do(BlockRequestType::kGetId, 0, data, 32).status, kOk);
  EXPECT_EQ(driver->LoadByte(data + 20), 0xee);
}

TEST_F(BlockDeviceTest, WithoutAnIdOfItsOwnItIsTheFiles) {
  StartDisk(8 << 10);
  const uint64_t data = driver->Allocate(20);
  EXPECT_EQ(Do(BlockRequestType::kGetId, 0, data, 20).status, kOk);
  std::string id = disk->file().image_id().substr(0, 20);
  EXPECT_FALSE(id.empty());
  id.resize(20);
  EXPECT_EQ(driver->Load(data, 20), std::vector<uint8_t>(id.begin(), id.end()));
}

TEST_F(BlockDeviceTest, DiscardsAndWritesZeroes) {
  StartDisk(1 << 20);
  if (!disk->file().can_punch_holes()) {
    GTEST_SKIP() << "the file system of /tmp has no holes";
  }
  std::vector<uint8_t> expected = Pattern(0, 1 << 20);
  const auto clear = [&](size_t sector, size_t count) {
    std::fill_n(expected.begin() + static_cast<ptrdiff_t>(sector * 512), count * 512, 0);
  };
  EXPECT_EQ(DoRanges(BlockRequestType::kDiscard, Range(8, 16, 0)), kOk);
  clear(8, 16);
  EXPECT_EQ(FileBytes(), expected);
  std::vector<uint8_t> ranges = Range(100, 3, 0);
  const std::vector<uint8_t> second = Range(2047, 1, 1);
  ranges.insert(ranges.end(), second.begin(), second.end());
  EXPECT_EQ(DoRanges(BlockRequestType::kWriteZeroes, ranges), kOk);
  clear(100, 3);
  clear(2047, 1);
  EXPECT_EQ(FileBytes(), expected);
  EXPECT_EQ(disk->metrics().discard_count, 1u);
  EXPECT_EQ(disk->metrics().write_zeroes_count, 1u);
}

TEST_F(BlockDeviceTest, RefusesRangesThatBreakTheRules) {
  StartDisk(1 << 20);
  if (!disk->file().can_punch_holes()) {
    GTEST_SKIP() << "the file system of /tmp has no holes";
  }
  for (const BlockRequestType type : {BlockRequestType::kDiscard, BlockRequestType::kWriteZeroes}) {
    EXPECT_EQ(DoRanges(type, Range(2048, 1, 0)), kIoError);
    EXPECT_EQ(DoRanges(type, Range(0, 2049, 0)), kIoError);
    // The end overflows (as in cloud-hypervisor 082fdc4d0).
    EXPECT_EQ(DoRanges(type, Range(~uint64_t{0}, 1, 0)), kIoError);
    EXPECT_EQ(DoRanges(type, Range(~uint64_t{0} - 0x7fffffff, 0x80000000, 0)), kIoError);
    EXPECT_EQ(DoRanges(type, Range(uint64_t{1} << 55, 8, 0)), kIoError);
    EXPECT_EQ(DoRanges(type, Range(0, 0xffffffff, 0)), kIoError);
    EXPECT_EQ(DoRanges(type, Range(0, 1, 2)), kUnsupported);
    EXPECT_EQ(DoRanges(type, Range(0, 1, 0x80000001)), kUnsupported);
    std::vector<uint8_t> ranges = Range(0, 1, 0);
    ranges.pop_back();
    EXPECT_EQ(DoRanges(type, ranges), kIoError);
    EXPECT_EQ(DoRanges(type, {}), kIoError);
    EXPECT_EQ(DoRanges(type, std::vector<uint8_t>(0x10000)), kIoError);
  }
  EXPECT_EQ(DoRanges(BlockRequestType::kDiscard, Range(0, 1, 1)), kUnsupported);
  EXPECT_EQ(FileBytes(), Pattern(0, 1 << 20));
}

// CVE-2026-48914: SCSI passthrough, and everything else that is not offered.
TEST_F(BlockDeviceTest, Cve2026_48914_UnknownRequestsAreUnsupported) {
  StartDisk(8 << 10);
  const uint64_t data = driver->Allocate(512);
  for (const uint32_t type : {2u, 3u, 5u, 10u, 12u, 14u, 15u, 16u, 0x80000000u, 0xffffffffu}) {
    const auto request = static_cast<BlockRequestType>(type);
    EXPECT_EQ(Do(request, 0, data, 512).status, kUnsupported) << type;
  }
  EXPECT_EQ(driver->Load(data, 512), std::vector<uint8_t>(512));
}

// Section 5.2.6: no header, or nowhere to answer to: the queue cannot go on.
TEST_F(BlockDeviceTest, ARequestWithoutHeaderOrStatusBreaksTheQueue) {
  const uint64_t scratch = 0x100000;
  const std::vector<std::vector<VirtqDescriptor>> chains = {
      ChainBuilder().Readable(scratch, 15).Writable(scratch, 1).Build(),
      ChainBuilder().Readable(scratch, 16).Build(), ChainBuilder().Writable(scratch, 512).Build()};
  for (const std::vector<VirtqDescriptor>& chain : chains) {
    StartDisk(8 << 10);
    driver->queue(0).Add(chain);
    driver->Notify(0);
    RunUntil([&] { return NeedsReset(); });
    EXPECT_EQ(disk->metrics().event_fails, 1u);
    Reset();
    StartWithRings();
    driver->FreeAll();
    EXPECT_EQ(Read(0, 512), Pattern(0, 512));
  }
}

TEST_F(BlockDeviceTest, HasAsManyQueuesAsItWasGiven) {
  StartDisk(64 << 10, {.queue_count = 4});
  EXPECT_NE(driver->device_features() & kBlockFeatureMultiQueue, 0u);
  for (size_t queue = 0; queue < 4; ++queue) {
    const uint64_t data = driver->Allocate(512);
    EXPECT_EQ(Do(BlockRequestType::kIn, queue, data, 512, queue).status, kOk);
    EXPECT_EQ(driver->Load(data, 512), Pattern(queue * 512, 512));
  }
}

}  // namespace
}  // namespace mayfly
