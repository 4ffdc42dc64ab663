// The features and the configuration space of a virtio disk.

#ifndef MAYFLY_DEVICES_VIRTIO_BLOCK_CONFIG_H_
#define MAYFLY_DEVICES_VIRTIO_BLOCK_CONFIG_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "devices/virtio/backing_file.h"
#include "devices/virtio/virtio_ids.h"

namespace mayfly {

// Virtio 1.2, section 5.2.3.
inline constexpr uint64_t kBlockFeatureSizeMax = FeatureBit(1);
inline constexpr uint64_t kBlockFeatureSegMax = FeatureBit(2);
inline constexpr uint64_t kBlockFeatureReadOnly = FeatureBit(5);
inline constexpr uint64_t kBlockFeatureBlockSize = FeatureBit(6);
inline constexpr uint64_t kBlockFeatureFlush = FeatureBit(9);
inline constexpr uint64_t kBlockFeatureTopology = FeatureBit(10);
inline constexpr uint64_t kBlockFeatureMultiQueue = FeatureBit(12);
inline constexpr uint64_t kBlockFeatureDiscard = FeatureBit(13);
inline constexpr uint64_t kBlockFeatureWriteZeroes = FeatureBit(14);

struct BlockFeatureChoice {
  bool is_read_only = false;
  bool has_flush = false;
  bool has_discard = false;
  uint16_t queue_count = 1;
};

// The bits to offer.
uint64_t BlockFeatures(const BlockFeatureChoice& choice);

// What a guest is told of how a disk is best used, in the units of struct virtio_blk_config.
struct BlockTopology {
  uint8_t physical_block_exp = 0;  // logical blocks in a physical one, as a power of two
  uint8_t alignment_offset = 0;    // the first aligned logical block
  uint16_t min_io_size = 0;        // logical blocks
  uint32_t opt_io_size = 0;        // logical blocks
};

struct BlockConfigChoice {
  uint16_t queue_count = 1;
  // In place of what the file says.
  std::optional<uint32_t> logical_block_bytes;
  std::optional<BlockTopology> topology;
};

// struct virtio_blk_config (5.2.4) for this file.
std::vector<uint8_t> BlockConfigBytes(const BackingFile& file, const BlockConfigChoice& choice);

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_BLOCK_CONFIG_H_
