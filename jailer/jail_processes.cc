// Finds processes by their root and by their control group.

#include "jailer/jail_processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "jailer/small_file.h"
#include "jailer/step_error.h"

namespace mayfly {

absl::StatusOr<std::optional<pid_t>> FindProcessIn(const Directory& root) {
  ASSIGN_OR_RETURN(const struct stat wanted, root.Stat());
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(opendir("/proc"), closedir);
  if (proc == nullptr) {
    return StepError("Failed to list /proc");
  }
  while (const dirent* const entry = readdir(proc.get())) {
    pid_t pid = 0;
    struct stat found = {};
    // One that has ended has no root any more, and others' may not be looked at.
    if (absl::SimpleAtoi(entry->d_name, &pid) &&
        fstatat(dirfd(proc.get()), absl::StrCat(pid, "/root").c_str(), &found, 0) == 0 &&
        found.st_dev == wanted.st_dev && found.st_ino == wanted.st_ino) {
      return std::optional<pid_t>(pid);
    }
  }
  return std::optional<pid_t>();
}

absl::StatusOr<std::optional<pid_t>> FindMember(const Directory& cgroup) {
  ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(cgroup, "cgroup.procs"));
  const std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  pid_t pid = 0;
  if (lines.empty() || !absl::SimpleAtoi(lines.front(), &pid)) {
    return std::optional<pid_t>();
  }
  return std::optional<pid_t>(pid);
}

}  // namespace mayfly
