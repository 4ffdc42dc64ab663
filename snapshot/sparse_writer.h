// SparseWriter: writes pieces of memory to a file and treats pages of zeros apart.

#ifndef MAYFLY_SNAPSHOT_SPARSE_WRITER_H_
#define MAYFLY_SNAPSHOT_SPARSE_WRITER_H_

#include <cstdint>
#include <span>

#include "absl/status/status.h"

namespace mayfly {

// Uses a descriptor of its owner's. Not thread-safe.
class SparseWriter {
 public:
  // What becomes of a page of zeros.
  enum class ZeroPages {
    kLeaveOut,  // nothing: the file is known to have a hole there
    kWrite,     // it is written as any other, so that the file has no hole there
    kPunch      // the file gets a hole there, or zeros where it cannot have holes
  };

  SparseWriter(int fd, ZeroPages zero_pages) : fd_(fd), zero_pages_(zero_pages) {}

  // Pages are counted from the beginning of `bytes`. `bytes` may be guest memory; it is read more
  // than once, so what is written while it changes is anything. Errors: "write: reason",
  // "fallocate: reason".
  absl::Status Write(uint64_t offset_bytes, std::span<const uint8_t> bytes);

  // So far, as data. Without holes.
  uint64_t written_bytes() const { return written_bytes_; }

 private:
  absl::Status WriteData(uint64_t offset_bytes, std::span<const uint8_t> bytes);
  absl::Status WriteZeros(uint64_t offset_bytes, std::span<const uint8_t> zeros);

  int fd_;
  ZeroPages zero_pages_;
  uint64_t written_bytes_ = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_SPARSE_WRITER_H_
