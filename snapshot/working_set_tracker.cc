// When a working set is read and when it is written.

#include "snapshot/working_set_tracker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"
#include "snapshot/working_set.h"
#include "snapshot/working_set_file.h"

namespace mayfly {
namespace {

// Some 30 years, as a client may ask for any number.
constexpr uint64_t kMaxRecordAfterMs = 1'000'000'000'000;

}  // namespace

WorkingSetTracker::WorkingSetTracker(EventLoop* loop, const GuestMemory* memory, Options options)
    : loop_(loop), memory_(memory), options_(std::move(options)), record_timer_(loop, [this] {
        const absl::Status status = Record();
        if (!status.ok()) {
          Note(absl::StrCat("working set: not recorded: ", status.message()));
        }
      }) {}

void WorkingSetTracker::Start() {
  if (options_.mode == WorkingSetMode::kUse) {
    Prefetch();
  } else if (options_.mode == WorkingSetMode::kRecord && options_.record_after_ms) {
    const uint64_t after_ms = std::min(*options_.record_after_ms, kMaxRecordAfterMs);
    record_timer_.Set(MonotonicTimeUs() + static_cast<int64_t>(after_ms) * 1'000);
  }
}

void WorkingSetTracker::Prefetch() {
  auto set = WorkingSetFile::Read(WorkingSetFile::PathOf(options_.memory_path),
                                  options_.snapshot_id, memory_->page_count());
  if (!set.ok()) {
    if (!absl::IsNotFound(set.status())) {
      Note(absl::StrCat("working set: not used: ", set.status().message()));
    }
    return;
  }
  prefetcher_.emplace(loop_, memory_, *std::move(set));
  prefetcher_->Start([this, start_us = MonotonicTimeUs()](const absl::Status& status) {
    Note(absl::StrCat("working set: ", prefetcher_->populated_page_count(), " pages in ",
                      MonotonicTimeUs() - start_us, " us",
                      status.ok() ? "" : absl::StrCat(": ", status.message())));
  });
}

absl::Status WorkingSetTracker::Record() {
  if (options_.mode != WorkingSetMode::kRecord) {
    return absl::FailedPreconditionError("the snapshot was not loaded to record its working set");
  }
  record_timer_.Cancel();
  ASSIGN_OR_RETURN(const WorkingSet set, WorkingSet::Record(*memory_));
  RETURN_IF_ERROR(WorkingSetFile::Write(WorkingSetFile::PathOf(options_.memory_path), set,
                                        options_.snapshot_id));
  Note(absl::StrCat("working set: recorded ", set.read.Count(), " pages read and ",
                    set.written.Count(), " written"));
  return absl::OkStatus();
}

void WorkingSetTracker::Note(absl::string_view text) const {
  if (options_.on_note) {
    options_.on_note(text);
  }
}

}  // namespace mayfly
