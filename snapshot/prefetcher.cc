// Two lines of madvise operations: one for the disk, one for the page tables.

#include "snapshot/prefetcher.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "base/status.h"
#include "snapshot/page_span.h"

namespace mayfly {
namespace {

// Copying 1 MiB of cached pages takes 0.3 ms, which is what a cancellation may have to wait for.
constexpr uint64_t kPopulatePages = 256;
// 2 MiB, what the kernel maps at once at most. A multiple of kPopulatePages.
constexpr uint64_t kBlockPages = 512;
constexpr uint64_t kAdvisePages = 2048;
constexpr int kMaxPopulating = 2;

// A piece costs as much as some pages do. As many pages at most are added as there are.
constexpr uint64_t kMaxGapPages = 8;

void CloseSmallGaps(PageSet& pages) {
  auto run = pages.NextRun(0);
  while (run) {
    const uint64_t end = run->first + run->count;
    const auto next = pages.NextRun(end);
    if (next && next->first - end <= std::min(kMaxGapPages, next->count)) {
      pages.AddRun({end, next->first - end});
    }
    run = next;
  }
}

// No page twice: a copy is mapped as well.
WorkingSet InLargePieces(WorkingSet set) {
  CloseSmallGaps(set.written);
  CloseSmallGaps(set.read);
  set.read.RemoveAll(set.written);
  return set;
}

// The beginning of the run that is in one block and is not too long for a piece.
PageRun CutPiece(PageRun run) {
  const uint64_t left_in_block = kBlockPages - run.first % kBlockPages;
  return {run.first, std::min({run.count, kPopulatePages, left_in_block})};
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
  const auto read = set_.read.NextRun(next_read_page_, kPopulatePages);
  const auto written = set_.written.NextRun(next_written_page_, kPopulatePages);
  if (written && (!read || written->first / kBlockPages <= read->first / kBlockPages)) {
    return Piece{CutPiece(*written), MADV_POPULATE_WRITE};
  }
  if (read) {
    return Piece{CutPiece(*read), MADV_POPULATE_READ};
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
