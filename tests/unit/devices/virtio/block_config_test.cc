// BlockFeatures and BlockConfigBytes: byte for byte what section 5.2.4 of virtio 1.2 says.

#include "devices/virtio/block_config.h"

#include <cstdint>
#include <vector>

#include "devices/virtio/block_request.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"

namespace mayfly {
namespace {

TEST(BlockFeaturesTest, FollowTheChoice) {
  const uint64_t always =
      kBlockFeatureSizeMax | kBlockFeatureSegMax | kBlockFeatureBlockSize | kBlockFeatureTopology;
  EXPECT_EQ(BlockFeatures({}), always);
  EXPECT_EQ(BlockFeatures({.is_read_only = true}), always | 1u << 5);
  EXPECT_EQ(BlockFeatures({.has_flush = true}), always | 1u << 9);
  EXPECT_EQ(BlockFeatures({.has_discard = true}), always | 1u << 13 | 1u << 14);
  EXPECT_EQ(BlockFeatures({.queue_count = 2}), always | 1u << 12);
}

class BlockConfigTest : public testing::Test {
 protected:
  uint64_t Number(size_t offset, size_t size) const {
    uint64_t number = 0;
    for (size_t i = 0; i < size; ++i) {
      number |= uint64_t{bytes[offset + i]} << (8 * i);
    }
    return number;
  }

  TemporaryFile file{std::vector<uint8_t>(3 * 512 + 100)};
  BackingFile disk = BackingFile::Open({.path = file.path()}).value();
  std::vector<uint8_t> bytes = BlockConfigBytes(disk, {.queue_count = 5});
};

TEST_F(BlockConfigTest, HasEveryFieldInItsPlace) {
  ASSERT_EQ(bytes.size(), 60u);
  EXPECT_EQ(Number(0, 8), 3u);      // capacity
  EXPECT_GE(Number(8, 4), 65536u);  // size_max
  EXPECT_EQ(Number(12, 4), 254u);   // seg_max: the queue without header and status
  EXPECT_EQ(Number(20, 4), 512u);   // blk_size
  EXPECT_EQ(uint64_t{512} << Number(24, 1), disk.physical_block_bytes());
  EXPECT_EQ(Number(25, 1), 0u);                                 // alignment_offset
  EXPECT_EQ(Number(26, 2), disk.physical_block_bytes() / 512);  // min_io_size
  EXPECT_EQ(Number(34, 2), 5u);                                 // num_queues
  EXPECT_EQ(Number(36, 4), BlockLimits::kMaxRangeSectors);
  EXPECT_EQ(Number(40, 4), BlockLimits::kMaxRanges);
  EXPECT_EQ(Number(44, 4), disk.physical_block_bytes() / 512);  // discard_sector_alignment
  EXPECT_EQ(Number(48, 4), BlockLimits::kMaxRangeSectors);
  EXPECT_EQ(Number(52, 4), BlockLimits::kMaxRanges);
  EXPECT_EQ(Number(56, 1), 1u);  // write_zeroes_may_unmap
}

// 5.2.4: a request of seg_max segments of size_max is one call of the host's kernel.
TEST_F(BlockConfigTest, TheLargestRequestIsOneTransfer) {
  EXPECT_LE(Number(8, 4) * Number(12, 4), 0x7ffff000u);
}

}  // namespace
}  // namespace mayfly
