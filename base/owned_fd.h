// OwnedFd: the one owner of a file descriptor.

#ifndef MAYFLY_BASE_OWNED_FD_H_
#define MAYFLY_BASE_OWNED_FD_H_

#include <utility>

#include "absl/status/statusor.h"

namespace mayfly {

// Closes its descriptor on destruction. Move-only; an empty one holds -1. Not thread-safe.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.Release()) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    if (this != &other) {
      Close();
      fd_ = other.Release();
    }
    return *this;
  }
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;
  ~OwnedFd() { Close(); }

  // open(2) with O_CLOEXEC added. Errors carry "open PATH: reason".
  static absl::StatusOr<OwnedFd> Open(const char* path, int flags);

  // Another descriptor of the same open file, close-on-exec; empty for an empty one. Errors:
  // "fcntl: reason".
  absl::StatusOr<OwnedFd> Duplicate() const;

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

  // Hands the descriptor to the caller.
  int Release() { return std::exchange(fd_, -1); }
  void Close();

 private:
  int fd_ = -1;
};

// A non-blocking, close-on-exec eventfd(2) that starts at 0.
absl::StatusOr<OwnedFd> CreateEventFd();

}  // namespace mayfly

#endif  // MAYFLY_BASE_OWNED_FD_H_
