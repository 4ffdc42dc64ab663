// The flags of the jailer.

#include "jailer/jailer_options.h"

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/flag_table.h"
#include "base/instance_id.h"
#include "base/status.h"

namespace mayfly {
namespace {

using absl::string_view;
using Apply = std::function<absl::Status(string_view)>;

template <typename... Parts>
absl::Status Fault(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

// What the command line has beside JailerOptions' values with defaults.
struct Given {
  JailerOptions options;
  std::optional<std::string> id;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::optional<std::string> parent_cgroup;
};

Apply Set(bool& target) {
  return [&target](string_view) {
    target = true;
    return absl::OkStatus();
  };
}

template <typename T>
Apply SetText(T& target) {
  return [&target](string_view value) {
    target = std::string(value);
    return absl::OkStatus();
  };
}

// The highest 32-bit number stands for "no change" in chown(2) and setresuid(2).
Apply SetId(std::optional<uint32_t>& target) {
  return [&target](string_view value) {
    uint32_t number = 0;
    const bool is_digits = !value.empty() && value.find_first_not_of("0123456789") == value.npos;
    if (!is_digits || !absl::SimpleAtoi(value, &number) || number == UINT32_MAX) {
      return Fault("must be a number from 0 to ", UINT32_MAX - 1, ", not '", value, "'");
    }
    target = number;
    return absl::OkStatus();
  };
}

Apply SetVersion(std::optional<CgroupVersion>& target) {
  return [&target](string_view value) {
    if (value != "1" && value != "2") {
      return Fault("must be 1 or 2, not '", value, "'");
    }
    target = value == "1" ? CgroupVersion::k1 : CgroupVersion::k2;
    return absl::OkStatus();
  };
}

Apply AddCgroup(std::vector<CgroupSetting>& target) {
  return [&target](string_view value) -> absl::Status {
    ASSIGN_OR_RETURN(CgroupSetting setting, ParseCgroupSetting(value));
    target.push_back(std::move(setting));
    return absl::OkStatus();
  };
}

Apply AddLimit(std::vector<ResourceLimit>& target) {
  return [&target](string_view value) -> absl::Status {
    ASSIGN_OR_RETURN(const ResourceLimit limit, ParseResourceLimit(value));
    target.push_back(limit);
    return absl::OkStatus();
  };
}

Apply SetParent(std::optional<std::string>& target) {
  return [&target](string_view value) {
    target = std::string(value);
    return CheckParentCgroup(value);
  };
}

// In the order a user meets them.
std::vector<Flag> Flags(Given& given) {
  JailerOptions& options = given.options;
  return {
      {"--id", "ID", "names the jail: 1 to 64 letters, digits and '-'", SetText(given.id)},
      {"--exec-file", "PATH", "the program to jail; copied", SetText(options.exec_file)},
      {"--uid", "N", "user to run as (default for who is not root: the own)", SetId(given.uid)},
      {"--gid", "N", "group to run as (the same)", SetId(given.gid)},
      {"--chroot-base-dir", "PATH", "folder of all jails (default /srv/jailer)",
       SetText(options.chroot_base)},
      {"--netns", "PATH", "network namespace to join", SetText(options.netns)},
      {"--daemonize", "", "run in the background, standard streams on /dev/null",
       Set(options.daemonizes)},
      {"--new-pid-ns", "", "run as first process of a new PID namespace",
       Set(options.has_new_pid_ns)},
      {"--cgroup", "FILE=VALUE", "value of a control group; repeatable", AddCgroup(options.cgroups),
       true},
      {"--cgroup-version", "1|2", "default 1, or 2 where the host has only that",
       SetVersion(options.cgroup_version)},
      {"--parent-cgroup", "PATH", "group of all jails (default: name of the program)",
       SetParent(given.parent_cgroup)},
      {"--resource-limit", "NAME=N", "fsize (bytes) or no-file (default 2048); repeatable",
       AddLimit(options.limits), true},
      {"--clean", "", "remove what the jail left, instead of making one", Set(options.cleans)},
      {"--version", "", "print the version", Set(options.wants_version)},
      {"--help", "", "print this text", Set(options.wants_help)},
  };
}

absl::Status ApplyArguments(std::span<const char* const> arguments, Given& given) {
  const auto take = [](const Flag& flag, string_view value) {
    return Annotate(flag.apply(value), flag.name);
  };
  ASSIGN_OR_RETURN(const auto rest, FlagTable(Flags(given)).ParseLikeFirecracker(arguments, take));
  given.options.extra_arguments.assign(rest.begin(), rest.end());
  return absl::OkStatus();
}

absl::Status TakeOwner(const Given& given, const Caller& caller, JailerOptions& options) {
  if (caller.is_root() && !options.cleans && !given.uid) {
    return Fault("Argument 'uid' required, but not found.");
  }
  if (caller.is_root() && !options.cleans && !given.gid) {
    return Fault("Argument 'gid' required, but not found.");
  }
  options.uid = given.uid.value_or(caller.uid);
  options.gid = given.gid.value_or(caller.gid);
  if (!caller.is_root() && (options.uid != caller.uid || options.gid != caller.gid)) {
    return Fault("--uid ", options.uid, " --gid ", options.gid, ": who is not root can jail as ",
                 caller.uid, " and ", caller.gid, " only");
  }
  return absl::OkStatus();
}

absl::Status CheckTogether(const Given& given, const Caller& caller, JailerOptions& options) {
  if (!given.id) {
    return Fault("Argument 'id' required, but not found.");
  }
  options.id = *given.id;
  RETURN_IF_ERROR(CheckInstanceId(options.id));
  if (options.exec_file.empty()) {
    return Fault("Argument 'exec-file' required, but not found.");
  }
  const std::string name = options.ExecName();
  if (name.empty() || name == "." || name == "..") {
    return Fault(options.exec_file, " is not a file");
  }
  RETURN_IF_ERROR(TakeOwner(given, caller, options));
  options.parent_cgroup = given.parent_cgroup.value_or(name);
  return absl::OkStatus();
}

}  // namespace

std::string JailerOptions::ExecName() const {
  string_view path = exec_file;
  while (absl::EndsWith(path, "/")) {
    path.remove_suffix(1);
  }
  return std::string(path.substr(path.rfind('/') + 1));
}

absl::StatusOr<JailerOptions> ParseJailerOptions(std::span<const char* const> arguments,
                                                 const Caller& caller) {
  Given given;
  RETURN_IF_ERROR(ApplyArguments(arguments, given));
  JailerOptions options = given.options;
  if (!options.wants_help && !options.wants_version) {
    RETURN_IF_ERROR(CheckTogether(given, caller, options));
  }
  return options;
}

std::string JailerHelp() {
  Given unused;
  return absl::StrCat(
      "Usage: mayfly-jailer --id ID --exec-file PATH --uid N --gid N [OPTION]... [-- ARGUMENT...]\n"
      "       mayfly-jailer --clean --id ID --exec-file PATH [OPTION]...\n"
      "Runs a monitor in an empty root folder, BASE/NAME/ID/root, without privileges, in control\n"
      "groups and namespaces of its own. The ARGUMENTs are for the monitor.\n\n",
      FlagTable(Flags(unused)).Help(),
      "\nExit status: the monitor's, as it takes the place of the jailer; 0 when it was "
      "left to run\nin the background or all was removed; 1 when a step failed, and "
      "nothing is left of the jail.\n");
}

}  // namespace mayfly
