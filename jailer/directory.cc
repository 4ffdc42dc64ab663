// Opens, makes and gives away directories.

#include "jailer/directory.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "jailer/rollback.h"
#include "jailer/step_error.h"

namespace mayfly {
namespace {

constexpr mode_t kPermissions = 07777;
constexpr mode_t kWritableByOthers = S_IWGRP | S_IWOTH;

int OpenAt2(int folder_fd, const char* name) {
  open_how how = {};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(syscall(SYS_openat2, folder_fd, name, &how, sizeof(how)));
}

// Where an open directory is, for messages: without the links that led to it, if /proc tells.
std::string RealPath(const OwnedFd& fd, const std::string& path) {
  char real[PATH_MAX];
  const ssize_t size = readlink(absl::StrCat("/proc/self/fd/", fd.get()).c_str(), real, PATH_MAX);
  return size > 0 && size < PATH_MAX ? std::string(real, static_cast<size_t>(size)) : path;
}

}  // namespace

absl::StatusOr<Directory> Directory::Open(const std::string& path, absl::string_view failure) {
  OwnedFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open()) {
    return StepError(absl::StrCat(failure, " ", path));
  }
  std::string real = RealPath(fd, path);
  return Directory(std::move(fd), std::move(real));
}

absl::StatusOr<Directory> Directory::OpenRoot(std::string path) {
  OwnedFd fd(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open()) {
    return StepError(absl::StrCat("Failed to open ", path));
  }
  return Directory(std::move(fd), std::move(path));
}

absl::StatusOr<Directory> Directory::OpenChild(const std::string& name) const {
  OwnedFd child(OpenAt2(fd(), name.c_str()));
  if (!child.is_open()) {
    return StepError(absl::StrCat("Failed to open ", PathOf(name)));
  }
  return Directory(std::move(child), PathOf(name));
}

absl::StatusOr<Directory> Directory::MakeChild(const std::string& name, mode_t mode,
                                               Rollback& rollback) const {
  const bool is_new = mkdirat(fd(), name.c_str(), mode) == 0;
  if (!is_new && errno != EEXIST) {
    return StepError(absl::StrCat("Failed to create ", PathOf(name)));
  }
  if (is_new) {
    rollback.Add(
        [self = *this, name] { IgnoreResult(unlinkat(self.fd(), name.c_str(), AT_REMOVEDIR)); });
  }
  ASSIGN_OR_RETURN(Directory child, OpenChild(name));
  if (is_new && fchmod(child.fd(), mode) != 0) {
    return StepError(absl::StrCat("Failed to set the mode of ", child.path()));
  }
  return child;
}

absl::Status Directory::CheckOwner(uid_t owner, uid_t other_owner) const {
  ASSIGN_OR_RETURN(const struct stat now, Stat());
  if (now.st_uid != owner && now.st_uid != other_owner) {
    return absl::PermissionDeniedError(absl::StrCat(
        "Refused to use ", path_, ": it belongs to user ", now.st_uid, " and not to ", owner));
  }
  if ((now.st_mode & kWritableByOthers) != 0) {
    return absl::PermissionDeniedError(
        absl::StrFormat("Refused to use %s: others than its owner may write to it (mode %04o)",
                        path_, now.st_mode & kPermissions));
  }
  return absl::OkStatus();
}

absl::Status Directory::GiveTo(uid_t uid, gid_t gid, mode_t mode, Rollback& rollback) const {
  ASSIGN_OR_RETURN(const struct stat before, Stat());
  rollback.Add([self = *this, before] {
    IgnoreResult(fchown(self.fd(), before.st_uid, before.st_gid));
    IgnoreResult(fchmod(self.fd(), before.st_mode & kPermissions));
  });
  if (fchmod(fd(), mode) != 0) {
    return StepError(absl::StrCat("Failed to set the mode of ", path_));
  }
  if (fchown(fd(), uid, gid) != 0) {
    return StepError(absl::StrCat("Failed to change the owner of ", path_, " to ", uid, ":", gid));
  }
  return absl::OkStatus();
}

absl::StatusOr<struct stat> Directory::Stat() const {
  struct stat now = {};
  if (fstat(fd(), &now) != 0) {
    return StepError(absl::StrCat("Failed to look at ", path_));
  }
  return now;
}

std::string Directory::PathOf(absl::string_view name) const {
  return absl::StrCat(path_, absl::EndsWith(path_, "/") ? "" : "/", name);
}

}  // namespace mayfly
