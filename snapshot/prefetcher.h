// Prefetcher: populates a restored guest's working set ahead of its vCPUs.

#ifndef MAYFLY_SNAPSHOT_PREFETCHER_H_
#define MAYFLY_SNAPSHOT_PREFETCHER_H_

#include <cstdint>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "base/event_loop.h"
#include "base/guest_memory.h"
#include "base/operation_group.h"
#include "base/page_set.h"
#include "base/timer.h"
#include "snapshot/working_set.h"

namespace mayfly {

// Asks the kernel, which does it on threads of its own: to read the set from the disk, to copy what
// was written, and then to map what was read, each in the order of the pages and in small pieces,
// so that a vCPU that faults meanwhile waits for a short time only. The guest may run or be paused.
//
// Copies come first: they save the guest most, for the kernel copies by the page and maps many
// pages at one fault. And what is mapped, up to 2 MiB at once, would be unmapped by each copy in
// it, from the guest's tables as well.
//
// Small gaps between pages of a set are filled, as a guest that uses every other page would need
// thousands of pieces: with copies up to twice the pages that were written; with pages of the file,
// which cost no memory but the page cache's, up to 16 for a page.
//
// Owned by whoever restored the guest; destroyed before the guest's memory. Destroying it stops,
// and waits for the pieces under way. Loop thread.
class Prefetcher {
 public:
  // `memory` (Backing::kPrivateFile) and `loop` outlive it; `set` is of the memory.
  Prefetcher(EventLoop* loop, const GuestMemory* memory, WorkingSet set);

  // Begins; once. `done` runs on the loop, in a later turn, when all is there or the kernel cannot
  // go on, and may destroy this. Its status is OK; Unimplemented where the kernel has no
  // MADV_POPULATE_READ (before 5.14); or "madvise: reason" (out of memory, or a shortened file).
  void Start(absl::AnyInvocable<void(absl::Status)> done);

  // So far, with the pages of gaps.
  uint64_t populated_page_count() const { return populated_page_count_; }

 private:
  // A piece of guest memory and what is asked for it.
  struct Piece {
    PageRun run;
    int advice = 0;
  };

  int populating_count() const { return mapping_count_ + copying_count_; }
  // Starts pieces while there are some and not too many are under way.
  void Continue();
  void Advise();
  void Populate(const Piece& piece);
  void Finish(const absl::Status& status);
  // The next piece to populate.
  std::optional<Piece> NextPiece() const;

  const GuestMemory* const memory_;
  const WorkingSet set_;
  PageSet all_;
  absl::AnyInvocable<void(absl::Status)> done_;
  // All pages of the set before them are asked for: to be read from the disk, mapped, and copied.
  uint64_t next_advised_page_ = 0;
  uint64_t next_read_page_ = 0;
  uint64_t next_written_page_ = 0;
  bool is_advising_ = false;
  // Pieces under way, by what they are.
  int mapping_count_ = 0;
  int copying_count_ = 0;
  uint64_t populated_page_count_ = 0;
  absl::Status status_;
  // Ends an empty set's prefetch.
  Timer end_;
  // Last: its operations call back.
  OperationGroup io_;
};

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_PREFETCHER_H_
