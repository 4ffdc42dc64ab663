// Finds pages of zeros, and writes the others in runs.

#include "snapshot/sparse_writer.h"

#include <fcntl.h>
#include <linux/falloc.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/page_set.h"
#include "base/status.h"
#include "snapshot/full_write.h"

namespace mayfly {
namespace {

// A page equals itself moved by a word, and that word is 0: as fast as memcmp, and most pages
// differ in the first bytes.
bool IsZero(std::span<const uint8_t> page) {
  uint64_t word = 0;
  if (page.size() <= sizeof(word)) {
    return std::all_of(page.begin(), page.end(), [](uint8_t byte) { return byte == 0; });
  }
  std::memcpy(&word, page.data(), sizeof(word));
  return word == 0 &&
         std::memcmp(page.data(), page.data() + sizeof(word), page.size() - sizeof(word)) == 0;
}

}  // namespace

absl::Status SparseWriter::Write(uint64_t offset_bytes, std::span<const uint8_t> bytes) {
  if (zero_pages_ == ZeroPages::kWrite) {
    return WriteData(offset_bytes, bytes);
  }
  const auto page_at = [bytes](size_t at) {
    return bytes.subspan(at, std::min<size_t>(PageSet::kPageBytes, bytes.size() - at));
  };
  size_t start = 0;
  while (start < bytes.size()) {
    const bool is_zero = IsZero(page_at(start));
    size_t end = start + page_at(start).size();
    while (end < bytes.size() && IsZero(page_at(end)) == is_zero) {
      end += page_at(end).size();
    }
    const auto run = bytes.subspan(start, end - start);
    if (!is_zero) {
      RETURN_IF_ERROR(WriteData(offset_bytes + start, run));
    } else if (zero_pages_ == ZeroPages::kPunch) {
      RETURN_IF_ERROR(WriteZeros(offset_bytes + start, run));
    }
    start = end;
  }
  return absl::OkStatus();
}

absl::Status SparseWriter::WriteData(uint64_t offset_bytes, std::span<const uint8_t> bytes) {
  RETURN_IF_ERROR(FullWrite(fd_, bytes, offset_bytes));
  written_bytes_ += bytes.size();
  return absl::OkStatus();
}

absl::Status SparseWriter::WriteZeros(uint64_t offset_bytes, std::span<const uint8_t> zeros) {
  while (fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                   static_cast<off_t>(offset_bytes), static_cast<off_t>(zeros.size())) != 0) {
    if (errno == EOPNOTSUPP) {
      return WriteData(offset_bytes, zeros);
    }
    if (errno != EINTR) {
      return ErrnoError("fallocate");
    }
  }
  return absl::OkStatus();
}

}  // namespace mayfly
