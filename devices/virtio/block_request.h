// BlockRequest: one request to a disk, parsed from its descriptor chain.

#ifndef MAYFLY_DEVICES_VIRTIO_BLOCK_REQUEST_H_
#define MAYFLY_DEVICES_VIRTIO_BLOCK_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "devices/virtio/descriptor_chain.h"

namespace mayfly {

// Virtio 1.2, section 5.2.6.
enum class BlockRequestType : uint32_t {
  kIn = 0,
  kOut = 1,
  kFlush = 4,
  kGetId = 8,
  kDiscard = 11,
  kWriteZeroes = 13,
};

enum class BlockStatus : uint8_t { kOk = 0, kIoError = 1, kUnsupported = 2 };

// What a disk lets a driver do.
struct BlockLimits {
  static constexpr size_t kMaxRanges = 16;
  static constexpr uint32_t kMaxRangeSectors = 1 << 22;  // 2 GiB
  static constexpr size_t kIdBytes = 20;

  uint64_t sector_count = 0;
  bool is_read_only = false;
  bool has_flush = false;
  bool has_discard = false;
};

// A part of the disk that DISCARD or WRITE_ZEROES names; checked.
struct BlockRange {
  uint64_t offset_bytes = 0;
  uint64_t size_bytes = 0;
  bool is_unmap_allowed = false;
};

// Reused for request after request. Owned by BlockDevice; loop thread only. Its memory is bounded:
// a chain has at most kQueueMaxSize buffers, a run as many, a request at most
// BlockLimits::kMaxRanges ranges.
struct BlockRequest {
  // Its chain; Parse takes header and status off it, which leaves the data.
  DescriptorChain chain;
  size_t queue_index = 0;

  BlockRequestType type = BlockRequestType::kIn;
  uint64_t offset_bytes = 0;
  // Of data, as it was at the beginning; chain holds what is still to be moved.
  uint64_t data_bytes = 0;
  // MonotonicTimeUs() when it was begun.
  int64_t start_us = 0;
  // Where the driver reads how it went.
  uint8_t* status = nullptr;
  std::vector<BlockRange> ranges;
  size_t next_range = 0;
  // The file did not take it with O_DIRECT.
  bool is_buffered = false;
  // Of a run of requests that the kernel gets as one, the next; and in the first of them the data
  // of all.
  BlockRequest* next_in_run = nullptr;
  SegmentList run_segments;

  // The bytes of the chain that the device is to write, status included.
  uint32_t writable_bytes = 0;

  // Parses `chain`, which VirtQueue::Pop filled in. kOk: is to be executed. Another status: is
  // answered with it. InvalidArgument: has no header or no place for a status, so that the driver
  // cannot even be told.
  absl::StatusOr<BlockStatus> Parse(const BlockLimits& limits);
  // Writes the status for the driver.
  void Answer(BlockStatus answer) const {
    chain.writable.StoreTaken(status, static_cast<uint8_t>(answer));
  }

 private:
  BlockStatus CheckTransfer(const SegmentList& data, uint64_t guest_sector,
                            const BlockLimits& limits);
  BlockStatus ParseRanges(const BlockLimits& limits);
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_BLOCK_REQUEST_H_
