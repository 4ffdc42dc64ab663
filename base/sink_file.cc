// Lines to a descriptor, without waiting.

#include "base/sink_file.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly {
namespace {

constexpr mode_t kNewFileMode = 0644;

iovec Part(absl::string_view text) {
  // writev only reads.
  return {.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
}

}  // namespace

absl::StatusOr<std::unique_ptr<SinkFile>> SinkFile::Open(const std::string& path) {
  const int fd =
      open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, kNewFileMode);
  if (fd < 0) {
    return ErrnoError(absl::StrCat("open ", path));
  }
  return std::unique_ptr<SinkFile>(new SinkFile(OwnedFd(fd), fd, Polling::kNo));
}

std::unique_ptr<SinkFile> SinkFile::ForDescriptor(int fd) {
  struct stat status = {};
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
    // Never blocks, and shares its position with others.
    return std::unique_ptr<SinkFile>(new SinkFile(OwnedFd(), fd, Polling::kNo));
  }
  const int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  OwnedFd own(open(absl::StrCat("/proc/self/fd/", fd).c_str(), flags));
  if (!own.is_open()) {
    // A socket, another user's terminal, or no /proc.
    return std::unique_ptr<SinkFile>(new SinkFile(OwnedFd(), fd, Polling::kYes));
  }
  const int own_fd = own.get();
  return std::unique_ptr<SinkFile>(new SinkFile(std::move(own), own_fd, Polling::kNo));
}

SinkFile::Result SinkFile::Write(absl::string_view line) {
  if (is_broken_.load(std::memory_order_relaxed)) {
    return Result::kLost;
  }
  if (polling_ == Polling::kYes) {
    return WriteWithPolls(line);
  }
  const absl::string_view prefix = is_torn_.exchange(false) ? "\n" : "";
  const std::array<iovec, 2> parts = {Part(prefix), Part(line)};
  ssize_t written = 0;
  do {
    written = writev(fd_, parts.data(), static_cast<int>(parts.size()));
  } while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(prefix.size() + line.size())) {
    return Result::kWritten;
  }
  if (written > 0 || !prefix.empty()) {
    is_torn_.store(true);
  }
  if (written < 0 && errno == EPIPE) {
    is_broken_.store(true, std::memory_order_relaxed);
  }
  return Result::kLost;
}

// A pipe that polls as writable takes PIPE_BUF bytes without waiting.
SinkFile::Result SinkFile::WriteWithPolls(absl::string_view line) {
  while (!line.empty()) {
    pollfd ready = {.fd = fd_, .events = POLLOUT, .revents = 0};
    if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
      return Result::kLost;
    }
    const ssize_t written = write(fd_, line.data(), std::min<size_t>(line.size(), PIPE_BUF));
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      is_broken_.store(errno == EPIPE, std::memory_order_relaxed);
      return Result::kLost;
    }
    line.remove_prefix(static_cast<size_t>(written));
  }
  return Result::kWritten;
}

}  // namespace mayfly
