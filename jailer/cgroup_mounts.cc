// Finds the hierarchies in the table of mounts.

#include "jailer/cgroup_mounts.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <array>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "jailer/step_error.h"

namespace mayfly {
namespace {

// Options of a hierarchy of version 1 that name no controller. Those with a value, such as "name=",
// are told by their "=".
constexpr std::array<absl::string_view, 7> kPlainOptions = {
    "rw", "ro", "none", "xattr", "noprefix", "clone_children", "cpuset_v2_mode"};

std::set<std::string> Controllers(absl::string_view super_options) {
  std::set<std::string> controllers;
  for (const absl::string_view option : absl::StrSplit(super_options, ',')) {
    if (!absl::StrContains(option, "=") && !absl::c_linear_search(kPlainOptions, option)) {
      controllers.emplace(option);
    }
  }
  return controllers;
}

}  // namespace

CgroupMounts::CgroupMounts(const std::vector<Mount>& table) {
  for (const Mount& mount : table) {
    if (mount.type == "cgroup2" && !unified_) {
      unified_ = mount.mount_point;
    }
    if (mount.type != "cgroup") {
      continue;
    }
    Hierarchy hierarchy = {.mount_point = mount.mount_point,
                           .controllers = Controllers(mount.super_options)};
    const bool is_known = absl::c_any_of(hierarchies_, [&](const Hierarchy& known) {
      return known.controllers == hierarchy.controllers;
    });
    if (!hierarchy.controllers.empty() && !is_known) {
      hierarchies_.push_back(std::move(hierarchy));
    }
  }
}

std::optional<std::string> CgroupMounts::OfController(absl::string_view controller) const {
  for (const Hierarchy& hierarchy : hierarchies_) {
    if (hierarchy.controllers.count(std::string(controller)) != 0) {
      return hierarchy.mount_point;
    }
  }
  return std::nullopt;
}

std::vector<std::string> CgroupMounts::WithControllers() const {
  std::vector<std::string> mount_points;
  mount_points.reserve(hierarchies_.size());
  for (const Hierarchy& hierarchy : hierarchies_) {
    mount_points.push_back(hierarchy.mount_point);
  }
  return mount_points;
}

CgroupVersion CgroupMounts::DefaultVersion() const {
  return hierarchies_.empty() && unified_ ? CgroupVersion::k2 : CgroupVersion::k1;
}

absl::StatusOr<Directory> OpenCgroupMount(const std::string& path, CgroupVersion version) {
  ASSIGN_OR_RETURN(Directory mount, Directory::Open(path, "Failed to open the control groups"));
  struct statfs found = {};
  if (fstatfs(mount.fd(), &found) != 0) {
    return StepError(absl::StrCat("Failed to look at ", path));
  }
  const auto wanted = version == CgroupVersion::k1 ? CGROUP_SUPER_MAGIC : CGROUP2_SUPER_MAGIC;
  if (found.f_type != wanted) {
    return absl::InvalidArgumentError(absl::StrCat(path, " has no control groups of version ",
                                                   version == CgroupVersion::k1 ? 1 : 2));
  }
  return mount;
}

}  // namespace mayfly
