// Copies the program into the jail.

#include "jailer/program_file.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "jailer/rollback.h"
#include "jailer/step_error.h"

namespace mayfly {
namespace {

constexpr mode_t kPermissions = 0777;
constexpr size_t kChunkBytes = size_t{1} << 30;

// copy_file_range(2) shares the blocks where the file system can; sendfile(2) goes between any two.
ssize_t CopyChunk(int source_fd, int target_fd, off_t& offset_bytes, bool& has_copy_file_range) {
  if (has_copy_file_range) {
    const ssize_t count =
        copy_file_range(source_fd, &offset_bytes, target_fd, nullptr, kChunkBytes, 0);
    if (count >= 0 || errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO) {
      return count;
    }
    has_copy_file_range = false;
  }
  return sendfile(target_fd, source_fd, &offset_bytes, kChunkBytes);
}

absl::Status CopyBytes(int source_fd, int target_fd, const std::string& path) {
  off_t offset_bytes = 0;
  bool has_copy_file_range = true;
  while (true) {
    const ssize_t count = CopyChunk(source_fd, target_fd, offset_bytes, has_copy_file_range);
    if (count == 0) {
      return absl::OkStatus();
    }
    if (count < 0 && errno != EINTR) {
      return StepError(absl::StrCat("Failed to copy the program to ", path));
    }
  }
}

// What was there may be a second name of a file elsewhere.
absl::Status EmptyTarget(int fd, const std::string& path, uid_t uid) {
  struct stat now = {};
  if (fstat(fd, &now) != 0) {
    return StepError(absl::StrCat("Failed to look at ", path));
  }
  if (!S_ISREG(now.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is not a file"));
  }
  if (now.st_nlink > 1) {
    return absl::PermissionDeniedError(absl::StrCat("Detected hard link at: ", path));
  }
  if (now.st_uid != 0 && now.st_uid != geteuid() && now.st_uid != uid) {
    return absl::PermissionDeniedError(
        absl::StrCat("Refused to use ", path, ": it belongs to user ", now.st_uid));
  }
  // After a truncation, even of an empty file, ext4 writes to the disk as the file is closed.
  if (now.st_size != 0 && ftruncate(fd, 0) != 0) {
    return StepError(absl::StrCat("Failed to truncate ", path));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ProgramFile> ProgramFile::Open(const std::string& path) {
  // Without O_NONBLOCK a FIFO would be waited for.
  OwnedFd fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd.is_open() && errno == ELOOP) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is not a file but a symbolic link, or led to by a loop of them"));
  }
  if (!fd.is_open()) {
    return StepError(absl::StrCat("Failed to canonicalize path ", path));
  }
  struct stat now = {};
  if (fstat(fd.get(), &now) != 0) {
    return StepError(absl::StrCat("Failed to look at ", path));
  }
  if (!S_ISREG(now.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is not a file"));
  }
  return ProgramFile(std::move(fd), now.st_mode & kPermissions);
}

absl::Status ProgramFile::CopyTo(const Directory& folder, const std::string& name, uid_t uid,
                                 gid_t gid, Rollback& rollback) const {
  const std::string path = folder.PathOf(name);
  constexpr int kFlags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  OwnedFd target(openat(folder.fd(), name.c_str(), kFlags | O_CREAT | O_EXCL, mode_));
  if (target.is_open()) {
    rollback.Add([folder, name] { IgnoreResult(unlinkat(folder.fd(), name.c_str(), 0)); });
  } else if (errno == EEXIST) {
    target = OwnedFd(openat(folder.fd(), name.c_str(), kFlags));
  }
  if (!target.is_open()) {
    return StepError(absl::StrCat("Failed to open ", path));
  }
  RETURN_IF_ERROR(EmptyTarget(target.get(), path, uid));
  RETURN_IF_ERROR(CopyBytes(fd_.get(), target.get(), path));
  if (fchown(target.get(), uid, gid) != 0) {
    return StepError(absl::StrCat("Failed to change the owner of ", path, " to ", uid, ":", gid));
  }
  if (fchmod(target.get(), mode_) != 0) {
    return StepError(absl::StrCat("Failed to set the mode of ", path));
  }
  return absl::OkStatus();
}

}  // namespace mayfly
