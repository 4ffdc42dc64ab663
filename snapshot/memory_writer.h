// MemoryWriter: writes a guest's RAM to a memory file, in steps.

#ifndef MAYFLY_SNAPSHOT_MEMORY_WRITER_H_
#define MAYFLY_SNAPSHOT_MEMORY_WRITER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/guest_memory.h"
#include "base/owned_fd.h"
#include "base/page_set.h"
#include "snapshot/file_clone.h"
#include "snapshot/sparse_writer.h"
#include "snapshot/staged_file.h"

namespace mayfly {

// A memory file has the size of the RAM: its regions in the order of their addresses, without the
// holes between them. In a full one, pages of zeros are holes. In a diff, the pages that it has are
// data, zeros too, and all others are holes: a page that has become zero must hide the base's when
// the two are merged (snapshot/memory_merge.h). Programs that copy a diff keep its holes as they
// are (cp --sparse=auto, tar --sparse), and make none.
//
// The file is staged (snapshot/staged_file.h): what stood at the path stays whole until Commit, and
// whoever maps it keeps it, the guest that is being written included.
//
// Owned by whoever makes the snapshot, who may serve others between two steps and cancel by
// destroying it; the guest is paused all the time. Loop thread.
class MemoryWriter {
 public:
  enum class Kind {
    // `pages` has every page that is not zero (PopulatedPages).
    kFull,
    // Only `pages` are written. Onto a file of exactly the RAM's size they are merged: the result
    // is that file with these pages changed. Any other file is replaced by a diff.
    kDiff
  };

  // How much a step examines or copies unless told otherwise: some milliseconds of work.
  static constexpr uint64_t kStepBytes = uint64_t{8} << 20;

  // `memory` outlives the writer; `pages` is of it. Errors: StagedFile::Create's; "PATH: call:
  // reason"; FailedPrecondition for a diff on a file system without holes.
  static absl::StatusOr<std::unique_ptr<MemoryWriter>> Create(const GuestMemory* memory,
                                                              PageSet pages, Kind kind,
                                                              const std::string& path);

  // Works on for up to `max_bytes`; true when all is written and Commit may be called. After an
  // error there is nothing but to destroy the writer. Errors: "PATH: write: No space left on
  // device".
  absl::StatusOr<bool> Step(uint64_t max_bytes = kStepBytes);

  // StagedFile::Commit, after the last step.
  absl::Status Commit() { return file_.Commit(); }
  // StagedFile::CommitBoth, after the last step; this one's file takes its place first.
  absl::Status CommitWith(StagedFile& other) { return StagedFile::CommitBoth(file_, other); }

  // Of guest memory, as data. Without what a base file had.
  uint64_t written_bytes() const { return writer_.written_bytes(); }
  // To sync before Commit.
  int fd() const { return file_.fd(); }

 private:
  // `base` is the file to merge onto, or empty.
  MemoryWriter(const GuestMemory* memory, PageSet pages, Kind kind, StagedFile file, OwnedFd base);

  absl::Status Prepare(Kind kind);
  absl::StatusOr<bool> WritePages(uint64_t max_bytes);

  const GuestMemory* const memory_;
  const PageSet pages_;
  StagedFile file_;
  const OwnedFd base_;
  // Until the base is copied.
  std::optional<FileClone> clone_;
  SparseWriter writer_;
  // All pages before it are written.
  uint64_t next_page_ = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_MEMORY_WRITER_H_
