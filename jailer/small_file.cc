// Reads and writes files of the kernel.

#include "jailer/small_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/owned_fd.h"
#include "jailer/step_error.h"

namespace mayfly {
namespace {

// More than most of them have, so that one read sees one state of the file.
constexpr size_t kChunkBytes = 16384;
constexpr int kOpenFlags = O_NOFOLLOW | O_CLOEXEC | O_NOCTTY;

}  // namespace

absl::StatusOr<std::string> ReadSmallFile(const Directory& folder, const std::string& name) {
  const OwnedFd file(openat(folder.fd(), name.c_str(), O_RDONLY | kOpenFlags));
  if (!file.is_open()) {
    return StepError(absl::StrCat("Failed to open ", folder.PathOf(name)));
  }
  std::string text;
  std::array<char, kChunkBytes> chunk;
  while (true) {
    const ssize_t count = read(file.get(), chunk.data(), chunk.size());
    if (count < 0 && errno != EINTR) {
      return StepError(absl::StrCat("Failed to read ", folder.PathOf(name)));
    }
    if (count == 0) {
      return text;
    }
    if (count > 0) {
      text.append(chunk.data(), static_cast<size_t>(count));
    }
  }
}

absl::Status WriteSmallFile(const Directory& folder, const std::string& name,
                            absl::string_view value) {
  const OwnedFd file(openat(folder.fd(), name.c_str(), O_WRONLY | kOpenFlags));
  if (!file.is_open()) {
    return StepError(absl::StrCat("Failed to open ", folder.PathOf(name)));
  }
  ssize_t count = 0;
  do {
    count = write(file.get(), value.data(), value.size());
  } while (count < 0 && errno == EINTR);
  if (count < 0 || static_cast<size_t>(count) != value.size()) {
    const int reason = count < 0 ? errno : EIO;
    return StepError(absl::StrCat("Failed to write '", value, "' to ", folder.PathOf(name)),
                     reason);
  }
  return absl::OkStatus();
}

}  // namespace mayfly
