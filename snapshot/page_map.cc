// Reads /proc/self/pagemap (Documentation/admin-guide/mm/pagemap.rst of the kernel).

#include "snapshot/page_map.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/owned_fd.h"
#include "base/status.h"

namespace mayfly {
namespace {

constexpr uint64_t kPresent = uint64_t{1} << 63;
constexpr uint64_t kSwapped = uint64_t{1} << 62;
// The page is a file's or shared. Also told of pages on the move, which count as swapped.
constexpr uint64_t kFile = uint64_t{1} << 61;

// 64 KiB at a time.
constexpr uint64_t kEntriesPerRead = 8192;

void AddEntries(std::span<const uint64_t> entries, uint64_t first_page, PageMap* map) {
  for (size_t i = 0; i < entries.size(); ++i) {
    if ((entries[i] & (kPresent | kSwapped)) != 0) {
      ((entries[i] & kFile) != 0 ? map->of_file : map->own).Add(first_page + i);
    }
  }
}

absl::Status ReadRegion(int fd, const Mapping& mapping, uint64_t first_page, PageMap* map) {
  std::vector<uint64_t> entries(kEntriesPerRead);
  const uint64_t page_count = mapping.size_bytes() / PageSet::kPageBytes;
  // The file is indexed by address.
  const uint64_t first_entry = reinterpret_cast<uintptr_t>(mapping.data()) / PageSet::kPageBytes;
  uint64_t done = 0;
  while (done < page_count) {
    const uint64_t count = std::min(kEntriesPerRead, page_count - done);
    const ssize_t size = pread(fd, entries.data(), count * sizeof(uint64_t),
                               static_cast<off_t>((first_entry + done) * sizeof(uint64_t)));
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < static_cast<ssize_t>(sizeof(uint64_t))) {
      return ErrnoError("read", size < 0 ? errno : EIO);
    }
    const size_t got = static_cast<size_t>(size) / sizeof(uint64_t);
    AddEntries({entries.data(), got}, first_page + done, map);
    done += got;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<PageMap>> PageMap::Read(const GuestMemory& memory) {
  constexpr char kPath[] = "/proc/self/pagemap";
  const OwnedFd fd(open(kPath, O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) {
    if (errno == ENOENT) {
      return std::optional<PageMap>();
    }
    return Annotate(ErrnoError("open"), kPath);
  }
  PageMap map{PageSet(memory.page_count()), PageSet(memory.page_count())};
  uint64_t first_page = 0;
  for (const GuestMemory::Region& region : memory.regions()) {
    const absl::Status status = ReadRegion(fd.get(), region.mapping, first_page, &map);
    if (!status.ok()) {
      return Annotate(status, kPath);
    }
    first_page += region.mapping.size_bytes() / PageSet::kPageBytes;
  }
  return std::optional<PageMap>(std::move(map));
}

}  // namespace mayfly
