// ProgramFile: the program that is to be jailed.

#ifndef MAYFLY_JAILER_PROGRAM_FILE_H_
#define MAYFLY_JAILER_PROGRAM_FILE_H_

#include <sys/types.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/owned_fd.h"
#include "jailer/directory.h"
#include "jailer/rollback.h"

namespace mayfly {

// Move-only: owns the descriptor of the file.
class ProgramFile {
 public:
  // A regular file, reached over any directories but no link itself: the jail is called after the
  // name that was given. The texts are those of Firecracker's jailer.
  static absl::StatusOr<ProgramFile> Open(const std::string& path);

  // Copies it into `folder` as `name`, for `uid` and `gid`, with its permissions. A file that is
  // there already is overwritten if it has no other name and belongs to root, the caller or `uid`;
  // a link never is. Errors name the target, "Failed to open PATH: text" for a symbolic link.
  absl::Status CopyTo(const Directory& folder, const std::string& name, uid_t uid, gid_t gid,
                      Rollback& rollback) const;

 private:
  ProgramFile(OwnedFd fd, mode_t mode) : fd_(std::move(fd)), mode_(mode) {}

  OwnedFd fd_;
  mode_t mode_;
};

}  // namespace mayfly

#endif  // MAYFLY_JAILER_PROGRAM_FILE_H_
