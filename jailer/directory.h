// Directory: an open directory, through which everything in it is reached.

#ifndef MAYFLY_JAILER_DIRECTORY_H_
#define MAYFLY_JAILER_DIRECTORY_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/owned_fd.h"
#include "jailer/rollback.h"

namespace mayfly {

// Whoever may rename things in the path of a file decides which file is meant by it; an open
// directory stays the same one. Below the folder that the administrator named, the jailer follows
// no link and no path twice: it goes from one Directory to the next. A value whose copies share
// the descriptor, which is close-on-exec. Errors are StepErrors that name the full path.
class Directory {
 public:
  // The directory at `path`, which may lead over symbolic links. Errors start with `failure`.
  static absl::StatusOr<Directory> Open(const std::string& path,
                                        absl::string_view failure = "Failed to open");

  // The root directory of this process, which is called `path` elsewhere.
  static absl::StatusOr<Directory> OpenRoot(std::string path);

  // The directory `name`, one component, in this one. A symbolic link is refused.
  absl::StatusOr<Directory> OpenChild(const std::string& name) const;

  // The same, made with `mode` (whatever the umask) where it does not exist. A new one goes away
  // with `rollback`, if it is empty then.
  absl::StatusOr<Directory> MakeChild(const std::string& name, mode_t mode,
                                      Rollback& rollback) const;

  // PermissionDenied unless it is owned by `owner` or `other_owner` and writable by its owner only.
  absl::Status CheckOwner(uid_t owner, uid_t other_owner) const;

  // Gives it to a user and a group and sets its mode. `rollback` gives it back.
  absl::Status GiveTo(uid_t uid, gid_t gid, mode_t mode, Rollback& rollback) const;

  absl::StatusOr<struct stat> Stat() const;

  int fd() const { return fd_->get(); }
  // For messages, and where other programs are to be told of it.
  const std::string& path() const { return path_; }
  std::string PathOf(absl::string_view name) const;

 private:
  Directory(OwnedFd fd, std::string path)
      : fd_(std::make_shared<const OwnedFd>(std::move(fd))), path_(std::move(path)) {}

  std::shared_ptr<const OwnedFd> fd_;
  std::string path_;
};

}  // namespace mayfly

#endif  // MAYFLY_JAILER_DIRECTORY_H_
