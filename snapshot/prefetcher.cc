// Two lines of madvise operations: one for the disk, one for the page tables.

#include "snapshot/prefetcher.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/functional/function_ref.h"
#include "base/check.h"
#include "base/status.h"
#include "snapshot/page_span.h"

namespace mayfly {
namespace {

// Copying 1 MiB of cached pages takes 0.3 ms, which is what a cancellation may have to wait for.
constexpr uint64_t kPopulatePages = 256;
constexpr uint64_t kAdvisePages = 2048;
// So many that the kernel's thread always finds a next one: to wake it, and the loop after it,
// takes longer than to copy some pages.
constexpr int kMaxPopulating = 16;

// A piece costs as much as some pages do. As many pages at most are copied for nothing as are used.
constexpr uint64_t kMaxCopiedGapPages = 8;
// What the kernel maps around a page that faults (64 KiB), if it has it; it reads more than that.
constexpr uint64_t kMaxMappedGapPages = 16;

// `max_pages` tells how long a gap before the run may be.
void CloseGaps(PageSet& pages, absl::FunctionRef<uint64_t(PageRun next)> max_pages) {
  auto run = pages.NextRun(0);
  while (run) {
    const uint64_t end = run->first + run->count;
    const auto next = pages.NextRun(end);
    if (next && next->first - end <= max_pages(*next)) {
      pages.AddRun({end, next->first - end});
    }
    run = next;
  }
}

// Pages may then be in both: to map what is copied already is next to nothing.
WorkingSet InLargePieces(WorkingSet set) {
  CloseGaps(set.written, [](PageRun next) { return std::min(kMaxCopiedGapPages, next.count); });
  CloseGaps(set.read, [](PageRun /*next*/) { return kMaxMappedGapPages; });
  return set;
}

}  // namespace

Prefetcher::Prefetcher(EventLoop* loop, const GuestMemory* memory, WorkingSet set)
    : memory_(memory),
      set_(InLargePieces(std::move(set))),
      all_(set_.read),
      end_(loop, [this] { Finish(absl::OkStatus()); }),
      io_(loop) {
  MAYFLY_CHECK(set_.read.page_count() == memory->page_count());
  MAYFLY_CHECK(memory->backing() == GuestMemory::Backing::kPrivateFile);
  all_.AddAll(set_.written);
}

void Prefetcher::Start(absl::AnyInvocable<void(absl::Status)> done) {
  MAYFLY_CHECK(!done_);
  done_ = std::move(done);
  if (!all_.NextRun(0)) {
    end_.Set(0);
    return;
  }
  Advise();
  Continue();
}

// Nothing depends on it: it runs ahead, and its errors are those of populating.
void Prefetcher::Advise() {
  const auto run = all_.NextRun(next_advised_page_, kAdvisePages);
  if (!run || !status_.ok()) {
    return;
  }
  const std::span<uint8_t> bytes = PageSpan(*memory_, *run);
  next_advised_page_ = run->first + bytes.size() / PageSet::kPageBytes;
  is_advising_ = true;
  io_.Madvise(bytes, MADV_WILLNEED, [this](int32_t) {
    is_advising_ = false;
    Advise();
    Continue();
  });
}

void Prefetcher::Continue() {
  while (status_.ok() && populating_count() < kMaxPopulating) {
    const std::optional<Piece> piece = NextPiece();
    if (!piece || (piece->advice == MADV_POPULATE_READ && copying_count_ > 0)) {
      break;
    }
    Populate(*piece);
  }
  if (populating_count() == 0 && (!is_advising_ || !status_.ok())) {
    Finish(status_);
  }
}

std::optional<Prefetcher::Piece> Prefetcher::NextPiece() const {
  if (const auto run = set_.written.NextRun(next_written_page_, kPopulatePages)) {
    return Piece{*run, MADV_POPULATE_WRITE};
  }
  if (const auto run = set_.read.NextRun(next_read_page_, kPopulatePages)) {
    return Piece{*run, MADV_POPULATE_READ};
  }
  return std::nullopt;
}

void Prefetcher::Populate(const Piece& piece) {
  const std::span<uint8_t> bytes = PageSpan(*memory_, piece.run);
  const uint64_t page_count = bytes.size() / PageSet::kPageBytes;
  const bool is_copy = piece.advice == MADV_POPULATE_WRITE;
  (is_copy ? next_written_page_ : next_read_page_) = piece.run.first + page_count;
  int* const count = is_copy ? &copying_count_ : &mapping_count_;
  ++*count;
  io_.Madvise(bytes, piece.advice, [this, page_count, count](int32_t result) {
    --*count;
    if (result == 0) {
      populated_page_count_ += page_count;
    } else if (status_.ok()) {
      const bool is_unknown = result == -EINVAL || result == -EOPNOTSUPP;
      status_ = is_unknown ? absl::UnimplementedError("this kernel cannot populate mappings")
                           : ErrnoError("madvise", -result);
    }
    Continue();
  });
}

void Prefetcher::Finish(const absl::Status& status) {
  if (done_) {
    // May destroy this.
    auto done = std::move(done_);
    done_ = nullptr;
    done(status);
  }
}

}  // namespace mayfly
