// Reads to the end or to the limit.

#include "api/text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/owned_fd.h"
#include "base/status.h"

namespace mayfly {

absl::StatusOr<std::string> ReadTextFile(const std::string& path) {
  ASSIGN_OR_RETURN(const OwnedFd fd, OwnedFd::Open(path.c_str(), O_RDONLY));
  std::string text;
  std::array<char, 16384> chunk;
  while (true) {
    const ssize_t count = read(fd.get(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return ErrnoError(absl::StrCat("read ", path));
    }
    if (count == 0) {
      return text;
    }
    text.append(chunk.data(), static_cast<size_t>(count));
    if (text.size() > kTextFileMaxBytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, ": more than ", kTextFileMaxBytes >> 20, " MiB"));
    }
  }
}

}  // namespace mayfly
