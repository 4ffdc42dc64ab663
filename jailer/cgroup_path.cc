// Walks down hierarchies of control groups.

#include "jailer/cgroup_path.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "jailer/rollback.h"
#include "jailer/step_error.h"

namespace mayfly {
namespace {

constexpr mode_t kCgroupMode = 0755;
// Stands for the process that writes it.
constexpr char kThisProcess[] = "0";

}  // namespace

std::vector<std::string> JailCgroup::Components() const {
  std::vector<std::string> names = absl::StrSplit(parent, '/', absl::SkipEmpty());
  names.push_back(id);
  return names;
}

absl::StatusOr<std::vector<Directory>> MakeCgroupPath(const Directory& top,
                                                      const JailCgroup& cgroup,
                                                      Rollback& rollback) {
  std::vector<Directory> path = {top};
  for (const std::string& name : cgroup.Components()) {
    ASSIGN_OR_RETURN(Directory group, path.back().MakeChild(name, kCgroupMode, rollback));
    path.push_back(std::move(group));
  }
  return path;
}

absl::StatusOr<std::optional<Directory>> FindCgroup(const Directory& top, absl::string_view path) {
  Directory group = top;
  for (const absl::string_view name : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    auto child = group.OpenChild(std::string(name));
    if (absl::IsNotFound(child.status())) {
      return std::optional<Directory>();
    }
    if (!child.ok()) {
      return child.status();
    }
    group = *std::move(child);
  }
  return std::optional<Directory>(std::move(group));
}

absl::Status MoveIntoCgroup(const Directory& group, const Directory& way_back,
                            const std::string& name, Rollback& rollback) {
  // Open before a limit on descriptors might be in the way.
  const auto back = std::make_shared<const OwnedFd>(
      openat(way_back.fd(), name.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  const OwnedFd members(openat(group.fd(), name.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!members.is_open() || write(members.get(), kThisProcess, 1) != 1) {
    return StepError(absl::StrCat("Failed to move process to cgroup (", group.path(), ")"));
  }
  rollback.Add([back] { IgnoreResult(write(back->get(), kThisProcess, 1)); });
  return absl::OkStatus();
}

}  // namespace mayfly
