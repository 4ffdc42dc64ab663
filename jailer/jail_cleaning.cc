// Removes jails.

#include "jailer/jail_cleaning.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "jailer/cgroup_mounts.h"
#include "jailer/jail_mounts.h"
#include "jailer/jail_processes.h"
#include "jailer/mount_table.h"
#include "jailer/step_error.h"
#include "jailer/tree_removal.h"

namespace mayfly {
namespace {

constexpr uid_t kRootUser = 0;

// A directory and the one that it is in.
struct Remainder {
  Directory parent;
  Directory directory;
};

absl::Status StillRuns(const JailRemains& remains, pid_t pid) {
  return absl::FailedPreconditionError(
      absl::StrCat("Failed to clean the jail ", remains.name.id, ": process ", pid, " still runs"));
}

template <typename T>
absl::StatusOr<std::optional<T>> UnlessNotFound(absl::StatusOr<T> found) {
  if (absl::IsNotFound(found.status())) {
    return std::optional<T>();
  }
  if (!found.ok()) {
    return found.status();
  }
  return std::optional<T>(*std::move(found));
}

absl::StatusOr<std::optional<Remainder>> FindFolder(const JailRemains& remains) {
  ASSIGN_OR_RETURN(auto base, UnlessNotFound(Directory::Open(remains.base)));
  if (!base) {
    return std::optional<Remainder>();
  }
  ASSIGN_OR_RETURN(auto program, UnlessNotFound(base->OpenChild(remains.name.program)));
  if (!program) {
    return std::optional<Remainder>();
  }
  RETURN_IF_ERROR(program->CheckOwner(remains.owner, kRootUser));
  ASSIGN_OR_RETURN(auto jail, UnlessNotFound(program->OpenChild(remains.name.id)));
  if (!jail) {
    return std::optional<Remainder>();
  }
  RETURN_IF_ERROR(jail->CheckOwner(remains.owner, kRootUser));
  return std::optional<Remainder>({.parent = *std::move(program), .directory = *std::move(jail)});
}

absl::Status CheckNobodyIn(const JailRemains& remains, const Directory& jail) {
  RETURN_IF_ERROR(LockJail(jail));
  ASSIGN_OR_RETURN(const auto root, UnlessNotFound(jail.OpenChild(kJailRootName)));
  if (!root) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::optional<pid_t> pid, FindProcessIn(*root));
  return pid ? StillRuns(remains, *pid) : absl::OkStatus();
}

absl::StatusOr<std::optional<Remainder>> FindGroup(const std::string& mount_point,
                                                   CgroupVersion version,
                                                   const JailCgroup& cgroup) {
  ASSIGN_OR_RETURN(const Directory top, OpenCgroupMount(mount_point, version));
  ASSIGN_OR_RETURN(const auto parent, FindCgroup(top, cgroup.parent));
  if (!parent) {
    return std::optional<Remainder>();
  }
  ASSIGN_OR_RETURN(const auto group, FindCgroup(*parent, cgroup.id));
  if (!group) {
    return std::optional<Remainder>();
  }
  return std::optional<Remainder>({.parent = *parent, .directory = *group});
}

absl::StatusOr<std::vector<Remainder>> FindGroups(const JailRemains& remains) {
  ASSIGN_OR_RETURN(const std::vector<Mount> table, ReadMountTable());
  const CgroupMounts mounts(table);
  std::vector<std::pair<std::string, CgroupVersion>> tops;
  if (remains.cgroup_version != CgroupVersion::k2) {
    for (const std::string& mount_point : mounts.WithControllers()) {
      tops.emplace_back(mount_point, CgroupVersion::k1);
    }
  }
  if (remains.cgroup_version != CgroupVersion::k1 && mounts.unified()) {
    tops.emplace_back(*mounts.unified(), CgroupVersion::k2);
  }
  std::vector<Remainder> groups;
  for (const auto& [mount_point, version] : tops) {
    ASSIGN_OR_RETURN(auto group, FindGroup(mount_point, version, remains.cgroup));
    if (group) {
      groups.push_back(*std::move(group));
    }
  }
  return groups;
}

}  // namespace

absl::Status CleanJail(const JailRemains& remains) {
  ASSIGN_OR_RETURN(const std::optional<Remainder> folder, FindFolder(remains));
  if (folder) {
    RETURN_IF_ERROR(CheckNobodyIn(remains, folder->directory));
  }
  ASSIGN_OR_RETURN(const std::vector<Remainder> groups, FindGroups(remains));
  for (const Remainder& group : groups) {
    ASSIGN_OR_RETURN(const std::optional<pid_t> pid, FindMember(group.directory));
    if (pid) {
      return StillRuns(remains, *pid);
    }
  }
  if (folder) {
    RETURN_IF_ERROR(DetachMountsBelow(folder->directory));
    RETURN_IF_ERROR(RemoveTree(folder->parent, remains.name.id));
  }
  for (const Remainder& group : groups) {
    if (unlinkat(group.parent.fd(), remains.cgroup.id.c_str(), AT_REMOVEDIR) != 0) {
      return StepError(absl::StrCat("Failed to remove ", group.directory.path()));
    }
  }
  return absl::OkStatus();
}

}  // namespace mayfly
