// Joins groups of version 2.

#include "jailer/cgroup_v2.h"

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "jailer/small_file.h"

namespace mayfly {
namespace {

constexpr char kMembers[] = "cgroup.procs";
constexpr char kSubtree[] = "cgroup.subtree_control";
constexpr char kHint[] = "a child of it is made where any --cgroup is given";

std::set<std::string> Words(absl::string_view text) {
  return absl::StrSplit(text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
}

absl::StatusOr<Directory> OpenTop(const CgroupMounts& mounts) {
  if (!mounts.unified()) {
    return absl::NotFoundError("Failed to find control groups of version 2: none are mounted");
  }
  return OpenCgroupMount(*mounts.unified(), CgroupVersion::k2);
}

// The group that this process is in. The top, whatever that is worth, where it cannot be found:
// a process may be in a group that its mounts do not show.
absl::StatusOr<Directory> OwnGroup(const Directory& top) {
  ASSIGN_OR_RETURN(const Directory process, Directory::Open("/proc/self"));
  ASSIGN_OR_RETURN(const std::string groups, ReadSmallFile(process, "cgroup"));
  for (absl::string_view line : absl::StrSplit(groups, '\n')) {
    if (absl::ConsumePrefix(&line, "0::")) {
      const auto own = FindCgroup(top, line);
      return own.ok() && *own ? **own : top;
    }
  }
  return top;
}

absl::Status EnableControllers(const Directory& group, const std::set<std::string>& controllers) {
  ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(group, kSubtree));
  const std::set<std::string> enabled = Words(text);
  std::vector<std::string> changes;
  for (const std::string& controller : controllers) {
    if (enabled.count(controller) == 0) {
      changes.push_back(absl::StrCat("+", controller));
    }
  }
  return changes.empty() ? absl::OkStatus()
                         : WriteSmallFile(group, kSubtree, absl::StrJoin(changes, " "));
}

absl::StatusOr<std::set<std::string>> ControllersOf(const Directory& top,
                                                    const std::vector<CgroupSetting>& settings) {
  ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(top, "cgroup.controllers"));
  const std::set<std::string> available = Words(text);
  std::set<std::string> wanted;
  for (const CgroupSetting& setting : settings) {
    if (available.count(setting.controller) == 0) {
      return absl::NotFoundError(absl::StrCat("Failed to set ", setting.file, ": ", top.path(),
                                              " has no controller ", setting.controller));
    }
    wanted.insert(setting.controller);
  }
  return wanted;
}

}  // namespace

absl::Status JoinCgroupV2(const CgroupMounts& mounts, const std::vector<CgroupSetting>& settings,
                          const JailCgroup& cgroup, Rollback& rollback) {
  ASSIGN_OR_RETURN(const Directory top, OpenTop(mounts));
  ASSIGN_OR_RETURN(const std::set<std::string> controllers, ControllersOf(top, settings));
  ASSIGN_OR_RETURN(const std::vector<Directory> path, MakeCgroupPath(top, cgroup, rollback));
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    RETURN_IF_ERROR(EnableControllers(path[i], controllers));
  }
  for (const CgroupSetting& setting : settings) {
    RETURN_IF_ERROR(WriteSmallFile(path.back(), setting.file, setting.value));
  }
  ASSIGN_OR_RETURN(const Directory way_back, OwnGroup(top));
  return MoveIntoCgroup(path.back(), way_back, kMembers, rollback);
}

absl::Status JoinParentCgroupV2(const CgroupMounts& mounts, const std::string& parent,
                                Rollback& rollback) {
  ASSIGN_OR_RETURN(const Directory top, OpenTop(mounts));
  ASSIGN_OR_RETURN(const std::optional<Directory> group, FindCgroup(top, parent));
  if (!group) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const Directory way_back, OwnGroup(top));
  return AddHint(MoveIntoCgroup(*group, way_back, kMembers, rollback), kHint);
}

}  // namespace mayfly
