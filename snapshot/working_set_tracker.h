// WorkingSetTracker: uses the working set of a snapshot for a restored guest, or records one.

#ifndef MAYFLY_SNAPSHOT_WORKING_SET_TRACKER_H_
#define MAYFLY_SNAPSHOT_WORKING_SET_TRACKER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/event_loop.h"
#include "base/guest_memory.h"
#include "base/timer.h"
#include "snapshot/prefetcher.h"

namespace mayfly {

// What is done with a memory file's working set.
enum class WorkingSetMode {
  kUse,     // where there is one, its pages are populated ahead of the guest
  kIgnore,  // nothing
  kRecord,  // nothing is populated; Record, or a time, writes a new one
};

// Owned by whoever restored the guest from a memory file, and destroyed before its memory; loop
// thread.
class WorkingSetTracker {
 public:
  struct Options {
    WorkingSetMode mode = WorkingSetMode::kUse;
    std::string memory_path;
    uint64_t snapshot_id = 0;
    // With kRecord: how long after Start it is recorded; only by Record when absent.
    std::optional<uint64_t> record_after_ms;
    // Hears a line of what became of the set, for the log.
    std::function<void(absl::string_view)> on_note;
  };

  // `memory` (Backing::kPrivateFile) and `loop` outlive it.
  WorkingSetTracker(EventLoop* loop, const GuestMemory* memory, Options options);
  WorkingSetTracker(const WorkingSetTracker&) = delete;
  WorkingSetTracker& operator=(const WorkingSetTracker&) = delete;

  // Once, as the guest starts to run. A set that is missing, damaged or of another snapshot is not
  // used.
  void Start();
  // Writes what the guest has used so far beside the memory file. FailedPrecondition in another
  // mode than kRecord; else the errors of WorkingSet::Record and WorkingSetFile::Write.
  absl::Status Record();

 private:
  void Prefetch();
  void Note(absl::string_view text) const;

  EventLoop* const loop_;
  const GuestMemory* const memory_;
  const Options options_;
  std::optional<Prefetcher> prefetcher_;
  Timer record_timer_;
};

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_WORKING_SET_TRACKER_H_
