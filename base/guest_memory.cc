// Resolves guest ranges to host memory.

#include "base/guest_memory.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_format.h"
#include "base/guest_read_hook.h"
#include "base/status.h"

namespace mayfly {

size_t GuestSlice::CopyTo(std::span<uint8_t> out) const {
  const size_t count = std::min(size_bytes_, out.size());
  if (count > 0) {
    std::memcpy(out.data(), data_, count);
    // The guest may write these bytes at the same time: without this the compiler may read them
    // again where the copy is used.
    asm volatile("" : : "r"(out.data()) : "memory");
    guest_read_hook::AfterRead({data_, count});
  }
  return count;
}

size_t GuestSlice::CopyFrom(std::span<const uint8_t> in) const {
  const size_t count = std::min(size_bytes_, in.size());
  if (count > 0) {
    std::memcpy(data_, in.data(), count);
  }
  return count;
}

void GuestSlice::Fill(uint8_t value) const {
  if (size_bytes_ > 0) {
    std::memset(data_, value, size_bytes_);
  }
}

absl::StatusOr<GuestMemory> GuestMemory::Create(std::vector<Region> regions, OwnedFd fd,
                                                Backing backing) {
  if (regions.empty()) {
    return absl::InvalidArgumentError("guest memory has no region");
  }
  GuestMemory memory;
  GuestAddress previous_end(0);
  for (const Region& region : regions) {
    const auto end = region.range().end();
    if (region.mapping.size_bytes() == 0 || !end || region.start < previous_end) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "guest memory region at %#x is empty, out of order or too long", region.start.value()));
    }
    previous_end = *end;
    memory.size_bytes_ += region.mapping.size_bytes();
  }
  memory.regions_ = std::move(regions);
  memory.fd_ = std::move(fd);
  memory.backing_ =
      memory.fd_.is_open() || backing == Backing::kUserfault ? backing : Backing::kAnonymous;
  return memory;
}

void GuestMemory::TrackWrites(bool tracked) { written_ = PageSet(tracked ? page_count() : 0); }

void GuestMemory::MarkImage(const uint8_t* data, uint64_t size_bytes) const {
  if (image_pages_.page_count() == 0) {
    image_pages_ = PageSet(page_count());
  }
  image_pages_.AddRun(PagesOf(data, size_bytes));
}

void GuestMemory::AddWritten(const uint8_t* data, uint64_t size_bytes) const {
  written_.AddRun(PagesOf(data, size_bytes));
}

PageRun GuestMemory::PagesOf(const uint8_t* data, uint64_t size_bytes) const {
  uint64_t region_first = 0;
  for (const Region& region : regions_) {
    const uint8_t* start = region.mapping.data();
    if (data >= start && data < start + region.mapping.size_bytes()) {
      const auto offset_bytes = static_cast<uint64_t>(data - start);
      const uint64_t first = offset_bytes / PageSet::kPageBytes;
      const uint64_t last = (offset_bytes + size_bytes - 1) / PageSet::kPageBytes;
      return {region_first + first, last - first + 1};
    }
    region_first += region.mapping.size_bytes() / PageSet::kPageBytes;
  }
  MAYFLY_CHECK(false);
  return {};
}

absl::StatusOr<GuestSlice> GuestMemory::Resolve(GuestRange range) const {
  for (const Region& region : regions_) {
    if (range.start < region.start) {
      break;
    }
    const uint64_t offset_bytes = range.start.value() - region.start.value();
    const uint64_t region_bytes = region.mapping.size_bytes();
    if (offset_bytes <= region_bytes && range.size_bytes <= region_bytes - offset_bytes) {
      return GuestSlice(region.mapping.data() + offset_bytes, range.size_bytes);
    }
  }
  return absl::OutOfRangeError(absl::StrFormat("guest range %#x+%#x is not in guest memory",
                                               range.start.value(), range.size_bytes));
}

absl::Status GuestMemory::Read(GuestAddress address, std::span<uint8_t> out) const {
  ASSIGN_OR_RETURN(const GuestSlice slice, Resolve({address, out.size()}));
  slice.CopyTo(out);
  return absl::OkStatus();
}

absl::Status GuestMemory::Write(GuestAddress address, std::span<const uint8_t> in) const {
  ASSIGN_OR_RETURN(const GuestSlice slice, Resolve({address, in.size()}));
  slice.CopyFrom(in);
  return absl::OkStatus();
}

}  // namespace mayfly
