// The features and the configuration space of a virtio disk.

#ifndef MAYFLY_DEVICES_VIRTIO_BLOCK_CONFIG_H_
#define MAYFLY_DEVICES_VIRTIO_BLOCK_CONFIG_H_

#include <cstdint>
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

// struct virtio_blk_config (5.2.4) for this file.
std::vector<uint8_t> BlockConfigBytes(const BackingFile& file, uint16_t queue_count);

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_BLOCK_CONFIG_H_
