// StagedFile: a file written beside its path, which takes the path's place when it is complete.

#ifndef MAYFLY_SNAPSHOT_STAGED_FILE_H_
#define MAYFLY_SNAPSHOT_STAGED_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/owned_fd.h"

namespace mayfly {

// What stands at the path is the old file or the new one, whole, whenever the process or the host
// dies; whoever has the old one open or mapped keeps it. Needs room for both at once.
//
// The file is written as ".NAME.XXXXXX.tmp" in the same folder, with mode 0600 and locked
// (flock(2)). That name is removed when the object is destroyed before Commit. A process that is
// killed leaves it behind: the next Create for the same path removes those that nobody holds.
//
// Owned by whoever writes the file. Not thread-safe. Its calls wait for the disk.
class StagedFile {
 public:
  // The path's folder exists; the path is a regular file or nothing. A symbolic link that leads
  // somewhere stays, and what it leads to is replaced. Errors: "PATH: call: reason";
  // InvalidArgument for a path that is no place for a file.
  static absl::StatusOr<StagedFile> Create(const std::string& path);

  StagedFile(StagedFile&& other) noexcept = default;
  StagedFile& operator=(StagedFile&&) = delete;
  ~StagedFile() { Discard(); }

  // Open for reading and writing; empty at first.
  int fd() const { return fd_.get(); }
  // As given to Create.
  const std::string& path() const { return path_; }

  // Writes the file's data to the disk, gives it its path and writes the folder to the disk; once.
  // An fdatasync of fd() on the loop (OperationGroup::SyncData) before leaves little to wait for.
  // The path is unchanged after an error, but for one that begins "PATH: fsync of its folder".
  absl::Status Commit();

  // Commit of two that are of use only together: both are complete on the disk before either
  // takes its place, and nothing but the death of the process between two system calls leaves the
  // first in place without the second.
  static absl::Status CommitBoth(StagedFile& first, StagedFile& second);

 private:
  StagedFile(std::string path, OwnedFd folder, std::string name)
      : path_(std::move(path)), folder_(std::move(folder)), name_(std::move(name)) {}

  // What a killed process left.
  void RemoveStale() const;
  absl::Status Open();
  // The steps of Commit.
  absl::Status SyncData() const;
  absl::Status TakePlace();
  absl::Status SyncFolder() const;
  void Discard();

  std::string path_;
  // Names are looked up in it, so that they stay right when folders are renamed meanwhile.
  OwnedFd folder_;
  std::string name_;
  std::string temporary_name_;
  OwnedFd fd_;
};

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_STAGED_FILE_H_
