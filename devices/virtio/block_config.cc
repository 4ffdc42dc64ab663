// What a disk tells its driver.

#include "devices/virtio/block_config.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "devices/virtio/block_request.h"

namespace mayfly {
namespace {

// Section 5.2.4, little-endian like the host, without holes.
struct __attribute__((packed)) BlockConfig {
  uint64_t capacity_sectors = 0;
  uint32_t size_max_bytes = 0;
  uint32_t seg_max = 0;
  uint8_t geometry[4] = {};
  uint32_t block_bytes = 0;
  uint8_t physical_block_exponent = 0;
  uint8_t alignment_offset = 0;
  uint16_t min_io_blocks = 0;
  uint32_t optimal_io_blocks = 0;
  uint8_t writeback = 0;
  uint8_t unused0 = 0;
  uint16_t queue_count = 0;
  uint32_t max_discard_sectors = 0;
  uint32_t max_discard_seg = 0;
  uint32_t discard_alignment_sectors = 0;
  uint32_t max_write_zeroes_sectors = 0;
  uint32_t max_write_zeroes_seg = 0;
  uint8_t write_zeroes_may_unmap = 0;
  uint8_t unused1[3] = {};
};
static_assert(sizeof(BlockConfig) == 60);

// A request of as many segments of this size as a queue takes is still one call of the kernel.
constexpr uint32_t kSizeMaxBytes = 4 << 20;
// All of a queue's descriptors but those of header and status.
constexpr uint32_t kSegMax = kQueueMaxSize - 2;

}  // namespace

uint64_t BlockFeatures(const BlockFeatureChoice& choice) {
  uint64_t features =
      kBlockFeatureSizeMax | kBlockFeatureSegMax | kBlockFeatureBlockSize | kBlockFeatureTopology;
  features |= choice.is_read_only ? kBlockFeatureReadOnly : 0;
  features |= choice.has_flush ? kBlockFeatureFlush : 0;
  features |= choice.has_discard ? kBlockFeatureDiscard | kBlockFeatureWriteZeroes : 0;
  features |= choice.queue_count > 1 ? kBlockFeatureMultiQueue : 0;
  return features;
}

std::vector<uint8_t> BlockConfigBytes(const BackingFile& file, const BlockConfigChoice& choice) {
  const uint32_t logical_block_bytes =
      choice.logical_block_bytes.value_or(file.logical_block_bytes());
  const uint32_t blocks_per_physical =
      std::max<uint32_t>(file.physical_block_bytes() / logical_block_bytes, 1);
  const auto physical_sectors =
      static_cast<uint32_t>(file.physical_block_bytes() / BackingFile::kSectorBytes);
  BlockConfig config;
  config.capacity_sectors = file.sector_count();
  config.size_max_bytes = kSizeMaxBytes;
  config.seg_max = kSegMax;
  config.block_bytes = logical_block_bytes;
  config.physical_block_exponent = static_cast<uint8_t>(std::countr_zero(blocks_per_physical));
  config.min_io_blocks = static_cast<uint16_t>(blocks_per_physical);
  if (choice.topology) {
    config.physical_block_exponent = choice.topology->physical_block_exp;
    config.alignment_offset = choice.topology->alignment_offset;
    config.min_io_blocks = choice.topology->min_io_size;
    config.optimal_io_blocks = choice.topology->opt_io_size;
  }
  config.queue_count = choice.queue_count;
  config.max_discard_sectors = BlockLimits::kMaxRangeSectors;
  config.max_discard_seg = BlockLimits::kMaxRanges;
  config.discard_alignment_sectors = physical_sectors;
  config.max_write_zeroes_sectors = BlockLimits::kMaxRangeSectors;
  config.max_write_zeroes_seg = BlockLimits::kMaxRanges;
  config.write_zeroes_may_unmap = 1;
  std::vector<uint8_t> bytes(sizeof(config));
  std::memcpy(bytes.data(), &config, sizeof(config));
  return bytes;
}

}  // namespace mayfly
