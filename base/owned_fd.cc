// File descriptor ownership.

#include "base/owned_fd.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly {

absl::StatusOr<OwnedFd> OwnedFd::Open(const char* path, int flags) {
  const int fd = open(path, flags | O_CLOEXEC);
  if (fd < 0) {
    return ErrnoError(absl::StrCat("open ", path));
  }
  return OwnedFd(fd);
}

absl::StatusOr<OwnedFd> OwnedFd::Duplicate() const {
  if (!is_open()) {
    return OwnedFd();
  }
  OwnedFd copy(fcntl(fd_, F_DUPFD_CLOEXEC, 0));
  if (!copy.is_open()) {
    return ErrnoError("fcntl");
  }
  return copy;
}

void OwnedFd::Close() {
  if (fd_ >= 0) {
    // Nothing to report to: every file written here is checked at its write or fsync.
    (void)close(Release());
  }
}

absl::StatusOr<OwnedFd> CreateEventFd() {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) {
    return ErrnoError("eventfd");
  }
  return OwnedFd(fd);
}

}  // namespace mayfly
