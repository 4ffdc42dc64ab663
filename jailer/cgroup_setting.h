// CgroupSetting: one value that the command line gives to a control group.

#ifndef MAYFLY_JAILER_CGROUP_SETTING_H_
#define MAYFLY_JAILER_CGROUP_SETTING_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mayfly {

// The kinds of cgroups(7).
enum class CgroupVersion { k1, k2 };

// A plain value.
struct CgroupSetting {
  std::string controller;  // "cpu"
  std::string file;        // "cpu.shares"
  std::string value;       // "10"
};

// Takes "FILE=VALUE" apart, where FILE is "CONTROLLER.NAME". InvalidArgument when it has not this
// form or FILE is no name of a file in a control group.
absl::StatusOr<CgroupSetting> ParseCgroupSetting(absl::string_view text);

// OK for a relative path without the components "." and "..", which cannot leave the hierarchy.
absl::Status CheckParentCgroup(absl::string_view path);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_CGROUP_SETTING_H_
