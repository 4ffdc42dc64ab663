// Copies the base, then the diff's data over it.

#include "snapshot/memory_merge.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/owned_fd.h"
#include "base/status.h"
#include "snapshot/data_extent.h"
#include "snapshot/file_clone.h"
#include "snapshot/sparse_writer.h"
#include "snapshot/staged_file.h"

namespace mayfly {
namespace {

constexpr uint64_t kBufferBytes = uint64_t{4} << 20;

struct InputFile {
  OwnedFd fd;
  struct stat now = {};

  uint64_t size_bytes() const { return static_cast<uint64_t>(now.st_size); }
};

absl::StatusOr<InputFile> OpenInput(const std::string& path) {
  InputFile file;
  // Opening a pipe would wait for its other end.
  file.fd = OwnedFd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file.fd.is_open()) {
    return Annotate(ErrnoError("open"), path);
  }
  if (fstat(file.fd.get(), &file.now) != 0) {
    return Annotate(ErrnoError("fstat"), path);
  }
  if (!S_ISREG(file.now.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": is not a regular file"));
  }
  return file;
}

absl::Status ReadFully(int fd, std::span<uint8_t> bytes, uint64_t offset_bytes) {
  while (!bytes.empty()) {
    const ssize_t count = pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset_bytes));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return ErrnoError("read");
    }
    if (count == 0) {
      return absl::DataLossError("the file became shorter while it was read");
    }
    bytes = bytes.subspan(static_cast<size_t>(count));
    offset_bytes += static_cast<uint64_t>(count);
  }
  return absl::OkStatus();
}

absl::Status CloneAll(int source_fd, int target_fd, uint64_t size_bytes) {
  FileClone clone(source_fd, target_fd, size_bytes);
  while (true) {
    ASSIGN_OR_RETURN(const bool is_done, clone.Step(size_bytes));
    if (is_done) {
      return absl::OkStatus();
    }
  }
}

// Errors name one of the two files.
absl::StatusOr<uint64_t> ApplyDiff(const InputFile& diff, const std::string& diff_path,
                                   const StagedFile& target) {
  SparseWriter writer(target.fd(), SparseWriter::ZeroPages::kPunch);
  std::vector<uint8_t> buffer(std::min(kBufferBytes, diff.size_bytes()));
  uint64_t at_bytes = 0;
  while (true) {
    const auto extent = NextDataExtent(diff.fd.get(), at_bytes, diff.size_bytes());
    if (!extent.ok()) {
      return Annotate(extent.status(), diff_path);
    }
    if (!extent->has_value()) {
      return writer.written_bytes();
    }
    const uint64_t offset_bytes = (*extent)->offset_bytes;
    const std::span<uint8_t> piece(buffer.data(),
                                   std::min<size_t>((*extent)->size_bytes, buffer.size()));
    RETURN_IF_ERROR(Annotate(ReadFully(diff.fd.get(), piece, offset_bytes), diff_path));
    RETURN_IF_ERROR(Annotate(writer.Write(offset_bytes, piece), target.path()));
    at_bytes = offset_bytes + piece.size();
  }
}

}  // namespace

absl::StatusOr<uint64_t> MergeMemory(const std::string& base_path, const std::string& diff_path) {
  ASSIGN_OR_RETURN(const InputFile base, OpenInput(base_path));
  ASSIGN_OR_RETURN(const InputFile diff, OpenInput(diff_path));
  if (base.now.st_dev == diff.now.st_dev && base.now.st_ino == diff.now.st_ino) {
    return absl::InvalidArgumentError(absl::StrCat(diff_path, ": is the base itself"));
  }
  if (base.size_bytes() != diff.size_bytes()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: the diff has %u bytes, but the base %s has %u", diff_path,
                        diff.size_bytes(), base_path, base.size_bytes()));
  }
  ASSIGN_OR_RETURN(StagedFile target, StagedFile::Create(base_path));
  RETURN_IF_ERROR(Annotate(CloneAll(base.fd.get(), target.fd(), base.size_bytes()), base_path));
  ASSIGN_OR_RETURN(const uint64_t written_bytes, ApplyDiff(diff, diff_path, target));
  RETURN_IF_ERROR(target.Commit());
  return written_bytes;
}

}  // namespace mayfly
