// Temporary names, their locks, and the rename.

#include "snapshot/staged_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status.h"

namespace mayfly {
namespace {

constexpr absl::string_view kSuffix = ".tmp";
constexpr size_t kRandomLength = 6;
constexpr int kMaxAttempts = 100;

struct DirCloser {
  void operator()(DIR* folder) const { closedir(folder); }
};

absl::StatusOr<std::string> RandomLetters() {
  constexpr absl::string_view kLetters = "abcdefghijklmnopqrstuvwxyz012345";
  std::array<uint8_t, kRandomLength> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return ErrnoError("getrandom");
  }
  std::string letters;
  for (const uint8_t byte : bytes) {
    letters += kLetters[byte % kLetters.size()];
  }
  return letters;
}

std::string TemporaryPrefix(absl::string_view name) { return absl::StrCat(".", name, "."); }

bool IsTemporaryOf(absl::string_view name, absl::string_view entry) {
  const std::string prefix = TemporaryPrefix(name);
  return entry.size() == prefix.size() + kRandomLength + kSuffix.size() &&
         absl::StartsWith(entry, prefix) && absl::EndsWith(entry, kSuffix);
}

// The path with its symbolic links followed, for one that exists.
absl::StatusOr<std::string> FinalPath(const std::string& path) {
  std::array<char, PATH_MAX> resolved{};
  struct stat now = {};
  if (stat(path.c_str(), &now) != 0) {
    return path;
  }
  if (!S_ISREG(now.st_mode)) {
    return absl::InvalidArgumentError("is not a regular file");
  }
  if (realpath(path.c_str(), resolved.data()) == nullptr) {
    return ErrnoError("realpath");
  }
  return std::string(resolved.data());
}

// Whether the file still has a name: one that another process took for stale has not.
bool IsLinked(int fd) {
  struct stat now = {};
  return fstat(fd, &now) == 0 && now.st_nlink > 0;
}

}  // namespace

absl::StatusOr<StagedFile> StagedFile::Create(const std::string& path) {
  auto final_path = FinalPath(path);
  if (!final_path.ok()) {
    return Annotate(final_path.status(), path);
  }
  const size_t slash = final_path->rfind('/');
  std::string name = slash == std::string::npos ? *final_path : final_path->substr(slash + 1);
  if (name.empty() || name == "." || name == "..") {
    return absl::InvalidArgumentError(absl::StrCat(path, ": names no file"));
  }
  const std::string folder_path =
      slash == std::string::npos ? "." : final_path->substr(0, slash + 1);
  OwnedFd folder(open(folder_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) {
    return Annotate(ErrnoError("open"), path);
  }
  StagedFile file(path, std::move(folder), std::move(name));
  file.RemoveStale();
  RETURN_IF_ERROR(file.Open());
  return file;
}

void StagedFile::RemoveStale() const {
  OwnedFd listed(openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, DirCloser> folder(listed.is_open() ? fdopendir(listed.get())
                                                                : nullptr);
  if (folder == nullptr) {
    return;
  }
  // Now closedir's.
  (void)listed.Release();
  std::vector<std::string> names;
  while (const dirent* entry = readdir(folder.get())) {
    if (IsTemporaryOf(name_, static_cast<const char*>(entry->d_name))) {
      names.emplace_back(static_cast<const char*>(entry->d_name));
    }
  }
  for (const std::string& name : names) {
    const OwnedFd stale(
        openat(folder_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (stale.is_open() && flock(stale.get(), LOCK_EX | LOCK_NB) == 0) {
      (void)unlinkat(folder_.get(), name.c_str(), 0);
    }
  }
}

absl::Status StagedFile::Open() {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    ASSIGN_OR_RETURN(const std::string letters, RandomLetters());
    const std::string name = absl::StrCat(TemporaryPrefix(name_), letters, kSuffix);
    OwnedFd fd(openat(folder_.get(), name.c_str(),
                      O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!fd.is_open()) {
      if (errno == EEXIST) {
        continue;
      }
      return Annotate(ErrnoError("open"), path_);
    }
    // Between the two calls another Create may have found the file unlocked. Where there are no
    // locks nobody removes anything.
    if ((flock(fd.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) && IsLinked(fd.get())) {
      temporary_name_ = name;
      fd_ = std::move(fd);
      return absl::OkStatus();
    }
  }
  return Annotate(ErrnoError("open", EEXIST), path_);
}

absl::Status StagedFile::Commit() {
  RETURN_IF_ERROR(SyncData());
  RETURN_IF_ERROR(TakePlace());
  return SyncFolder();
}

absl::Status StagedFile::CommitBoth(StagedFile& first, StagedFile& second) {
  RETURN_IF_ERROR(first.SyncData());
  RETURN_IF_ERROR(second.SyncData());
  // Freeing the space of a file takes milliseconds: not between the two. None when there is no old
  // one.
  const OwnedFd replaced(openat(first.folder_.get(), first.name_.c_str(), O_PATH | O_CLOEXEC));
  RETURN_IF_ERROR(first.TakePlace());
  RETURN_IF_ERROR(second.TakePlace());
  RETURN_IF_ERROR(first.SyncFolder());
  return second.SyncFolder();
}

absl::Status StagedFile::SyncData() const {
  if (fsync(fd_.get()) != 0) {
    return Annotate(ErrnoError("fsync"), path_);
  }
  return absl::OkStatus();
}

absl::Status StagedFile::TakePlace() {
  if (renameat(folder_.get(), temporary_name_.c_str(), folder_.get(), name_.c_str()) != 0) {
    return Annotate(ErrnoError("rename"), path_);
  }
  temporary_name_.clear();
  return absl::OkStatus();
}

absl::Status StagedFile::SyncFolder() const {
  if (fsync(folder_.get()) != 0) {
    return Annotate(ErrnoError("fsync of its folder"), path_);
  }
  return absl::OkStatus();
}

void StagedFile::Discard() {
  // A moved-from file has no descriptor.
  if (fd_.is_open() && !temporary_name_.empty()) {
    (void)unlinkat(folder_.get(), temporary_name_.c_str(), 0);
  }
}

}  // namespace mayfly
