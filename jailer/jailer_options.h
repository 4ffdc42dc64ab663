// JailerOptions: the command line of the jailer, which is Firecracker's and --clean.

#ifndef MAYFLY_JAILER_JAILER_OPTIONS_H_
#define MAYFLY_JAILER_JAILER_OPTIONS_H_

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "jailer/cgroup_setting.h"
#include "jailer/resource_limit.h"

namespace mayfly {

inline constexpr char kDefaultChrootBase[] = "/srv/jailer";

// Who started the jailer: its effective ids.
struct Caller {
  uid_t uid = 0;
  gid_t gid = 0;

  bool is_root() const { return uid == 0; }
};

// A plain value. Its ids are those of a jail when `wants_help` and `wants_version` are false.
struct JailerOptions {
  bool wants_help = false;
  bool wants_version = false;
  // Remove what a jail left behind instead of making one.
  bool cleans = false;

  std::string id;
  std::string exec_file;
  uid_t uid = 0;
  gid_t gid = 0;
  // Given by the command line; kDefaultChrootBase is for root only.
  std::optional<std::string> chroot_base;
  std::optional<std::string> netns;
  bool daemonizes = false;
  bool has_new_pid_ns = false;
  std::vector<CgroupSetting> cgroups;
  std::optional<CgroupVersion> cgroup_version;
  // Where the command line has none, ExecName().
  std::string parent_cgroup;
  std::vector<ResourceLimit> limits;
  // What follows "--": for the jailed program. Points into the arguments that were parsed.
  std::vector<const char*> extra_arguments;

  // The last component of `exec_file`, by which jails are grouped.
  std::string ExecName() const;
};

// InvalidArgument that says what is wrong, in Firecracker's words where it has the same rule.
// `arguments` come after the program's name. A caller who is not root can only ask for the own ids,
// which are the default then.
absl::StatusOr<JailerOptions> ParseJailerOptions(std::span<const char* const> arguments,
                                                 const Caller& caller);

// The text of --help.
std::string JailerHelp();

}  // namespace mayfly

#endif  // MAYFLY_JAILER_JAILER_OPTIONS_H_
