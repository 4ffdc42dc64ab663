// SinkFile: a file, FIFO or terminal that takes lines, and never makes their writer wait.

#ifndef MAYFLY_BASE_SINK_FILE_H_
#define MAYFLY_BASE_SINK_FILE_H_

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/owned_fd.h"

namespace mayfly {

// For the log and the metrics. Any thread.
class SinkFile {
 public:
  enum class Result { kWritten, kLost };

  // Opens `path` for appending, and makes it (mode 0644) when it is not there. A FIFO is opened for
  // reading, too, so that it need not have a reader yet and never lacks one. Errors: "open PATH:
  // reason", with the errno.
  static absl::StatusOr<std::unique_ptr<SinkFile>> Open(const std::string& path);

  // For standard output and the like: `fd` stays the caller's and open. Its flags are left alone,
  // as others may share it; where it could block, it is opened anew without.
  static std::unique_ptr<SinkFile> ForDescriptor(int fd);

  SinkFile(const SinkFile&) = delete;
  SinkFile& operator=(const SinkFile&) = delete;

  // Writes `line`, which ends with a newline, with one call. kLost: the file is full, nobody reads
  // the FIFO, or it failed; a part may have been written, then the next line starts on a new one.
  // May raise SIGPIPE, once, when `fd` was a pipe without reader. Async-signal-safe.
  Result Write(absl::string_view line);

 private:
  enum class Polling { kNo, kYes };

  SinkFile(OwnedFd owned, int fd, Polling polling)
      : owned_(std::move(owned)), fd_(fd), polling_(polling) {}

  Result WriteWithPolls(absl::string_view line);

  const OwnedFd owned_;
  const int fd_;
  // The descriptor blocks: it is asked before each write.
  const Polling polling_;
  std::atomic<bool> is_torn_{false};
  std::atomic<bool> is_broken_{false};
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_SINK_FILE_H_
