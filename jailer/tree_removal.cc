// Removes trees: any directory that is found full is first moved to the top, where its turn comes,
// so that the way down is never longer than two steps.

#include "jailer/tree_removal.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/owned_fd.h"
#include "base/status.h"
#include "jailer/rollback.h"
#include "jailer/step_error.h"

namespace mayfly {
namespace {

// A directory may have millions of names.
constexpr size_t kNamesAtOnce = 4096;

enum class Outcome { kGone, kFull };

class TreeRemoval {
 public:
  TreeRemoval(OwnedFd top, std::string path) : top_(std::move(top)), path_(std::move(path)) {}

  absl::Status Empty() { return EmptyDirectory(top_.get(), /*is_top=*/true); }

 private:
  absl::Status EmptyDirectory(int fd, bool is_top);
  absl::Status RemoveFull(const std::string& name);
  absl::Status Hoist(int fd, const std::string& name);
  absl::Status Failed(absl::string_view what, const std::string& name) const {
    return StepError(absl::StrCat("Failed to ", what, " ", path_, "/.../", name));
  }

  OwnedFd top_;
  std::string path_;
  uint64_t hoisted_count_ = 0;
};

// Who is not root may have to give the own directories their permissions back.
OwnedFd OpenForRemoval(int parent_fd, const std::string& name) {
  open_how how = {};
  how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  const auto open_it = [&] {
    return OwnedFd(
        static_cast<int>(syscall(SYS_openat2, parent_fd, name.c_str(), &how, sizeof(how))));
  };
  OwnedFd fd = open_it();
  if (!fd.is_open() && errno == EACCES) {
    how.flags |= O_PATH;
    const OwnedFd closed = open_it();
    how.flags &= ~uint64_t{O_PATH};
    if (closed.is_open()) {
      IgnoreResult(chmod(absl::StrCat("/proc/self/fd/", closed.get()).c_str(), S_IRWXU));
      fd = open_it();
    }
  }
  if (fd.is_open() && geteuid() != 0) {
    IgnoreResult(fchmod(fd.get(), S_IRWXU));
  }
  return fd;
}

absl::StatusOr<std::vector<std::string>> SomeNames(int fd) {
  OwnedFd copy(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(copy.get()), closedir);
  if (stream == nullptr) {
    return StepError("Failed to list a directory");
  }
  static_cast<void>(copy.Release());
  std::vector<std::string> names;
  while (names.size() < kNamesAtOnce) {
    const dirent* const entry = readdir(stream.get());
    if (entry == nullptr) {
      break;
    }
    const absl::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      names.emplace_back(name);
    }
  }
  return names;
}

// Removes a file or an empty directory; empty when it cannot, with errno.
std::optional<Outcome> Unlink(int fd, const std::string& name) {
  if (unlinkat(fd, name.c_str(), 0) == 0 || errno == ENOENT) {
    return Outcome::kGone;
  }
  if (errno != EISDIR) {
    return std::nullopt;
  }
  if (unlinkat(fd, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) {
    return Outcome::kGone;
  }
  return errno == ENOTEMPTY || errno == EEXIST ? std::make_optional(Outcome::kFull) : std::nullopt;
}

absl::Status TreeRemoval::EmptyDirectory(int fd, bool is_top) {
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, SomeNames(fd));
    if (names.empty()) {
      return absl::OkStatus();
    }
    for (const std::string& name : names) {
      const std::optional<Outcome> outcome = Unlink(fd, name);
      if (!outcome) {
        return Failed("remove", name);
      }
      if (*outcome == Outcome::kFull) {
        RETURN_IF_ERROR(is_top ? RemoveFull(name) : Hoist(fd, name));
      }
    }
  }
}

absl::Status TreeRemoval::RemoveFull(const std::string& name) {
  const OwnedFd fd = OpenForRemoval(top_.get(), name);
  if (!fd.is_open()) {
    return Failed("open", name);
  }
  RETURN_IF_ERROR(EmptyDirectory(fd.get(), /*is_top=*/false));
  return unlinkat(top_.get(), name.c_str(), AT_REMOVEDIR) == 0 ? absl::OkStatus()
                                                               : Failed("remove", name);
}

absl::Status TreeRemoval::Hoist(int fd, const std::string& name) {
  // A directory moves only if it may be written itself: its ".." changes.
  if (geteuid() != 0) {
    static_cast<void>(OpenForRemoval(fd, name));
  }
  while (true) {
    const std::string target = absl::StrCat(".removed-", hoisted_count_++);
    if (renameat2(fd, name.c_str(), top_.get(), target.c_str(), RENAME_NOREPLACE) == 0) {
      return absl::OkStatus();
    }
    if (errno != EEXIST) {
      return Failed("move", name);
    }
  }
}

}  // namespace

absl::Status RemoveTree(const Directory& parent, const std::string& name) {
  const std::string path = parent.PathOf(name);
  const std::optional<Outcome> outcome = Unlink(parent.fd(), name);
  if (outcome == Outcome::kGone) {
    return absl::OkStatus();
  }
  OwnedFd top;
  if (outcome == Outcome::kFull) {
    top = OpenForRemoval(parent.fd(), name);
  }
  if (!top.is_open()) {
    return StepError(absl::StrCat("Failed to remove ", path));
  }
  RETURN_IF_ERROR(TreeRemoval(std::move(top), path).Empty());
  if (unlinkat(parent.fd(), name.c_str(), AT_REMOVEDIR) != 0) {
    return StepError(absl::StrCat("Failed to remove ", path));
  }
  return absl::OkStatus();
}

}  // namespace mayfly
