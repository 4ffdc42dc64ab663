// Joins groups of version 1.

#include "jailer/cgroup_v1.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "jailer/small_file.h"

namespace mayfly {
namespace {

constexpr char kMembers[] = "tasks";
constexpr char kCpuset[] = "cpuset";

// The settings for one mount, in their order.
struct Share {
  std::string mount_point;
  std::vector<CgroupSetting> settings;
};

absl::StatusOr<std::vector<Share>> ShareOut(const CgroupMounts& mounts,
                                            const std::vector<CgroupSetting>& settings) {
  std::vector<Share> shares;
  for (const CgroupSetting& setting : settings) {
    const auto mount_point = mounts.OfController(setting.controller);
    if (!mount_point) {
      return absl::NotFoundError(absl::StrCat("Failed to set ", setting.file,
                                              ": this host has no "
                                              "controller ",
                                              setting.controller, " of version 1"));
    }
    auto share = shares.begin();
    while (share != shares.end() && share->mount_point != *mount_point) {
      ++share;
    }
    if (share == shares.end()) {
      share = shares.insert(share, {.mount_point = *mount_point, .settings = {}});
    }
    share->settings.push_back(setting);
  }
  return shares;
}

std::vector<std::string> FilesOf(const Share& share) {
  std::vector<std::string> files;
  for (const CgroupSetting& setting : share.settings) {
    if (setting.controller == kCpuset) {
      files.insert(files.end(), {"cpuset.cpus", "cpuset.mems"});
    }
    files.push_back(setting.file);
  }
  return files;
}

absl::Status Join(const Share& share, const JailCgroup& cgroup, Rollback& rollback) {
  ASSIGN_OR_RETURN(const Directory top, OpenCgroupMount(share.mount_point, CgroupVersion::k1));
  ASSIGN_OR_RETURN(const std::vector<Directory> path, MakeCgroupPath(top, cgroup, rollback));
  RETURN_IF_ERROR(InheritCgroupValues(path, FilesOf(share)));
  for (const CgroupSetting& setting : share.settings) {
    RETURN_IF_ERROR(WriteSmallFile(path.back(), setting.file, setting.value));
  }
  return MoveIntoCgroup(path.back(), top, kMembers, rollback);
}

}  // namespace

absl::Status JoinCgroupsV1(const CgroupMounts& mounts, const std::vector<CgroupSetting>& settings,
                           const JailCgroup& cgroup, Rollback& rollback) {
  ASSIGN_OR_RETURN(const std::vector<Share> shares, ShareOut(mounts, settings));
  for (const Share& share : shares) {
    RETURN_IF_ERROR(Join(share, cgroup, rollback));
  }
  return absl::OkStatus();
}

absl::Status InheritCgroupValues(const std::vector<Directory>& path,
                                 const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    std::string above;
    for (const Directory& group : path) {
      auto value = ReadSmallFile(group, file);
      // Some files can only be written, and some are not in the topmost group.
      if (!value.ok()) {
        above.clear();
        continue;
      }
      if (absl::StripAsciiWhitespace(*value).empty() && !above.empty()) {
        RETURN_IF_ERROR(WriteSmallFile(group, file, above));
        value = above;
      }
      above = std::string(absl::StripAsciiWhitespace(*value));
    }
  }
  return absl::OkStatus();
}

}  // namespace mayfly
