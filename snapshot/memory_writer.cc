// The base first, if there is one, then the pages.

#include "snapshot/memory_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"
#include "snapshot/data_extent.h"
#include "snapshot/page_span.h"

namespace mayfly {
namespace {

SparseWriter::ZeroPages ZeroPagesOf(MemoryWriter::Kind kind, bool has_base) {
  if (kind == MemoryWriter::Kind::kFull) {
    return SparseWriter::ZeroPages::kLeaveOut;
  }
  return has_base ? SparseWriter::ZeroPages::kPunch : SparseWriter::ZeroPages::kWrite;
}

// The file at the path when a diff is to be merged onto it; empty otherwise.
absl::StatusOr<OwnedFd> OpenBase(const std::string& path, uint64_t ram_bytes) {
  OwnedFd base(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!base.is_open()) {
    if (errno == ENOENT) {
      return OwnedFd();
    }
    return Annotate(ErrnoError("open"), path);
  }
  struct stat now = {};
  if (fstat(base.get(), &now) != 0) {
    return Annotate(ErrnoError("fstat"), path);
  }
  return static_cast<uint64_t>(now.st_size) == ram_bytes ? std::move(base) : OwnedFd();
}

}  // namespace

absl::StatusOr<std::unique_ptr<MemoryWriter>> MemoryWriter::Create(const GuestMemory* memory,
                                                                   PageSet pages, Kind kind,
                                                                   const std::string& path) {
  MAYFLY_CHECK(pages.page_count() == memory->page_count());
  ASSIGN_OR_RETURN(StagedFile file, StagedFile::Create(path));
  OwnedFd base;
  if (kind == Kind::kDiff) {
    ASSIGN_OR_RETURN(base, OpenBase(path, memory->size_bytes()));
  }
  auto writer = absl::WrapUnique(
      new MemoryWriter(memory, std::move(pages), kind, std::move(file), std::move(base)));
  RETURN_IF_ERROR(Annotate(writer->Prepare(kind), path));
  return writer;
}

MemoryWriter::MemoryWriter(const GuestMemory* memory, PageSet pages, Kind kind, StagedFile file,
                           OwnedFd base)
    : memory_(memory),
      pages_(std::move(pages)),
      file_(std::move(file)),
      base_(std::move(base)),
      writer_(file_.fd(), ZeroPagesOf(kind, base_.is_open())) {}

absl::Status MemoryWriter::Prepare(Kind kind) {
  if (base_.is_open()) {
    clone_.emplace(base_.get(), file_.fd(), memory_->size_bytes());
    return absl::OkStatus();
  }
  if (ftruncate(file_.fd(), static_cast<off_t>(memory_->size_bytes())) != 0) {
    return ErrnoError("ftruncate");
  }
  if (kind == Kind::kDiff) {
    ASSIGN_OR_RETURN(const auto data, NextDataExtent(file_.fd(), 0, memory_->size_bytes()));
    if (data) {
      return absl::FailedPreconditionError(
          "a diff needs a file system that can tell holes from data");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> MemoryWriter::Step(uint64_t max_bytes) {
  auto step = clone_ ? clone_->Step(max_bytes) : WritePages(max_bytes);
  if (!step.ok()) {
    return Annotate(step.status(), file_.path());
  }
  if (clone_) {
    if (*step) {
      clone_.reset();
    }
    return false;
  }
  return *step;
}

absl::StatusOr<bool> MemoryWriter::WritePages(uint64_t max_bytes) {
  uint64_t left_pages = std::max<uint64_t>(max_bytes / PageSet::kPageBytes, 1);
  while (left_pages > 0) {
    const auto run = pages_.NextRun(next_page_, left_pages);
    if (!run) {
      return true;
    }
    const std::span<uint8_t> bytes = PageSpan(*memory_, *run);
    RETURN_IF_ERROR(writer_.Write(run->first * PageSet::kPageBytes, bytes));
    const uint64_t count = bytes.size() / PageSet::kPageBytes;
    next_page_ = run->first + count;
    left_pages -= count;
  }
  return !pages_.NextRun(next_page_, 1).has_value();
}

}  // namespace mayfly
