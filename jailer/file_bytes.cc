// Goes on where a call took or gave only a part.

#include "jailer/file_bytes.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/owned_fd.h"
#include "base/status.h"

namespace mayfly {
namespace {

constexpr mode_t kMode = 0644;

}  // namespace

absl::StatusOr<std::vector<uint8_t>> ReadFileBytes(const std::string& path, size_t max_bytes) {
  ASSIGN_OR_RETURN(const OwnedFd file, OwnedFd::Open(path.c_str(), O_RDONLY));
  std::vector<uint8_t> bytes(max_bytes + 1);
  size_t size_bytes = 0;
  while (size_bytes < bytes.size()) {
    const ssize_t count = read(file.get(), bytes.data() + size_bytes, bytes.size() - size_bytes);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return ErrnoError(absl::StrCat("read ", path));
    }
    if (count == 0) {
      bytes.resize(size_bytes);
      return bytes;
    }
    size_bytes += static_cast<size_t>(count);
  }
  return absl::InvalidArgumentError(absl::StrCat("it has more than ", max_bytes, " bytes"));
}

absl::Status WriteFileBytes(const std::string& path, std::span<const uint8_t> bytes) {
  const OwnedFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode));
  if (!file.is_open()) {
    return ErrnoError(absl::StrCat("open ", path));
  }
  while (!bytes.empty()) {
    const ssize_t count = write(file.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return ErrnoError(absl::StrCat("write ", path));
    }
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

}  // namespace mayfly
