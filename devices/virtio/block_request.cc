// Checks what a driver asks of a disk.

#include "devices/virtio/block_request.h"

#include <limits>

#include "devices/virtio/backing_file.h"

namespace mayfly {
namespace {

// Section 5.2.6; little-endian like the host.
struct Header {
  uint32_t guest_type = 0;
  uint32_t reserved = 0;
  uint64_t guest_sector = 0;
};
static_assert(sizeof(Header) == 16);

struct GuestRangeEntry {
  uint64_t guest_sector = 0;
  uint32_t guest_sector_count = 0;
  uint32_t guest_flags = 0;
};
static_assert(sizeof(GuestRangeEntry) == 16);

constexpr uint32_t kRangeUnmap = 1;

template <typename T>
bool Take(SegmentList& list, T& object) {
  // Bytes of a trivially copyable object may be written through uint8_t*.
  return list.TakeFront({reinterpret_cast<uint8_t*>(&object), sizeof(object)});
}

// False when the sectors are not all on the disk; no overflow whatever the guest says.
bool IsOnDisk(uint64_t guest_sector, uint64_t count, const BlockLimits& limits) {
  return count <= limits.sector_count && guest_sector <= limits.sector_count - count;
}

}  // namespace

absl::StatusOr<BlockStatus> BlockRequest::Parse(const BlockLimits& limits) {
  ranges.clear();
  next_range = 0;
  is_buffered = false;
  next_in_run = nullptr;
  run_segments.Clear();
  data_bytes = 0;
  offset_bytes = 0;
  if (chain.writable.size_bytes() > std::numeric_limits<uint32_t>::max()) {
    return absl::InvalidArgumentError("a disk request is larger than 4 GiB");
  }
  writable_bytes = static_cast<uint32_t>(chain.writable.size_bytes());
  Header header;
  if (!Take(chain.readable, header)) {
    return absl::InvalidArgumentError("a disk request has no whole header");
  }
  status = chain.writable.TakeLastByte();
  if (status == nullptr) {
    return absl::InvalidArgumentError("a disk request has no place for its status");
  }
  type = static_cast<BlockRequestType>(header.guest_type);
  switch (type) {
    case BlockRequestType::kIn:
      return CheckTransfer(chain.writable, header.guest_sector, limits);
    case BlockRequestType::kOut:
      return limits.is_read_only ? BlockStatus::kIoError
                                 : CheckTransfer(chain.readable, header.guest_sector, limits);
    case BlockRequestType::kFlush:
      return limits.has_flush ? BlockStatus::kOk : BlockStatus::kUnsupported;
    case BlockRequestType::kGetId:
      return BlockStatus::kOk;
    case BlockRequestType::kDiscard:
    case BlockRequestType::kWriteZeroes:
      return ParseRanges(limits);
    default:
      // The legacy SCSI passthrough is among these (CVE-2026-48914).
      return BlockStatus::kUnsupported;
  }
}

BlockStatus BlockRequest::CheckTransfer(const SegmentList& data, uint64_t guest_sector,
                                        const BlockLimits& limits) {
  data_bytes = data.size_bytes();
  if (data_bytes % BackingFile::kSectorBytes != 0 ||
      !IsOnDisk(guest_sector, data_bytes / BackingFile::kSectorBytes, limits)) {
    return BlockStatus::kIoError;
  }
  offset_bytes = guest_sector * BackingFile::kSectorBytes;
  return BlockStatus::kOk;
}

// Section 5.2.6.2: unknown flags, and unmap with discard, are not supported.
BlockStatus BlockRequest::ParseRanges(const BlockLimits& limits) {
  if (!limits.has_discard) {
    return BlockStatus::kUnsupported;
  }
  if (limits.is_read_only || chain.readable.empty() ||
      chain.readable.size_bytes() % sizeof(GuestRangeEntry) != 0 ||
      chain.readable.size_bytes() / sizeof(GuestRangeEntry) > BlockLimits::kMaxRanges) {
    return BlockStatus::kIoError;
  }
  GuestRangeEntry entry;
  while (Take(chain.readable, entry)) {
    const uint32_t known_flags = type == BlockRequestType::kWriteZeroes ? kRangeUnmap : 0;
    if ((entry.guest_flags & ~known_flags) != 0) {
      return BlockStatus::kUnsupported;
    }
    if (entry.guest_sector_count > BlockLimits::kMaxRangeSectors ||
        !IsOnDisk(entry.guest_sector, entry.guest_sector_count, limits)) {
      return BlockStatus::kIoError;
    }
    if (entry.guest_sector_count > 0) {
      ranges.push_back({.offset_bytes = entry.guest_sector * BackingFile::kSectorBytes,
                        .size_bytes = entry.guest_sector_count * BackingFile::kSectorBytes,
                        .is_unmap_allowed = (entry.guest_flags & kRangeUnmap) != 0});
    }
  }
  return BlockStatus::kOk;
}

}  // namespace mayfly
