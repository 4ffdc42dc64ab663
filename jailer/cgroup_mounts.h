// CgroupMounts: which control groups (cgroups(7)) this host has, and where.

#ifndef MAYFLY_JAILER_CGROUP_MOUNTS_H_
#define MAYFLY_JAILER_CGROUP_MOUNTS_H_

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jailer/cgroup_setting.h"
#include "jailer/directory.h"
#include "jailer/mount_table.h"

namespace mayfly {

// A value.
class CgroupMounts {
 public:
  // Of several mounts of one hierarchy the first counts.
  explicit CgroupMounts(const std::vector<Mount>& table);

  // Where the controller of version 1 is mounted; empty when it is not.
  std::optional<std::string> OfController(absl::string_view controller) const;
  // All mounts of version 1 with a controller.
  std::vector<std::string> WithControllers() const;
  // The one of version 2.
  const std::optional<std::string>& unified() const { return unified_; }

  // Firecracker's, 1, unless the host has version 2 only.
  CgroupVersion DefaultVersion() const;

 private:
  struct Hierarchy {
    std::string mount_point;
    std::set<std::string> controllers;
  };

  std::vector<Hierarchy> hierarchies_;
  std::optional<std::string> unified_;
};

// Opens the top of a hierarchy of `version`. The path may lead over symbolic links, as hosts have
// them for controllers that share a mount. InvalidArgument when something else is there.
absl::StatusOr<Directory> OpenCgroupMount(const std::string& path, CgroupVersion version);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_CGROUP_MOUNTS_H_
