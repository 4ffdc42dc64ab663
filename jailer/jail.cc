// Makes a jail, step by step. What undoes a step is added by the step itself.

#include "jailer/jail.h"

#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/owned_fd.h"
#include "base/status.h"
#include "jailer/cgroup_mounts.h"
#include "jailer/cgroup_v1.h"
#include "jailer/cgroup_v2.h"
#include "jailer/device_node.h"
#include "jailer/directory.h"
#include "jailer/jail_devices.h"
#include "jailer/jail_folder.h"
#include "jailer/launch.h"
#include "jailer/mount_namespace.h"
#include "jailer/mount_table.h"
#include "jailer/network_namespace.h"
#include "jailer/program_file.h"
#include "jailer/resource_limit.h"
#include "jailer/rollback.h"
#include "jailer/step_error.h"
#include "jailer/user_namespace.h"

namespace mayfly {
namespace {

constexpr mode_t kInnerMode = 0700;

// The folders that the jailer makes in the root.
struct InnerFolders {
  Directory root;
  Directory dev;
  Directory net;
  Directory run;
};

absl::StatusOr<CgroupMounts> FindCgroupMounts() {
  ASSIGN_OR_RETURN(const std::vector<Mount> table, ReadMountTable());
  return CgroupMounts(table);
}

bool IsVersion2(const JailerOptions& options, const CgroupMounts& mounts) {
  return options.cgroup_version.value_or(mounts.DefaultVersion()) == CgroupVersion::k2;
}

// A jail without settings runs in the group of all jails, if there is one; version 2 only. Ordinary
// users get groups when they ask for some: there are none for them that others did not give away.
absl::Status JoinParentCgroup(const JailRequest& request, Rollback& rollback) {
  const JailerOptions& options = request.options;
  if (!options.cgroups.empty() || !request.caller.is_root() ||
      options.cgroup_version == CgroupVersion::k1) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const CgroupMounts mounts, FindCgroupMounts());
  return IsVersion2(options, mounts) ? JoinParentCgroupV2(mounts, options.parent_cgroup, rollback)
                                     : absl::OkStatus();
}

absl::Status JoinCgroups(const JailerOptions& options, Rollback& rollback) {
  if (options.cgroups.empty()) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const CgroupMounts mounts, FindCgroupMounts());
  const JailCgroup cgroup = {.parent = options.parent_cgroup, .id = options.id};
  return IsVersion2(options, mounts) ? JoinCgroupV2(mounts, options.cgroups, cgroup, rollback)
                                     : JoinCgroupsV1(mounts, options.cgroups, cgroup, rollback);
}

absl::StatusOr<Directory> MakeInner(const JailRequest& request, const Directory& parent,
                                    const char* name, Rollback& rollback) {
  ASSIGN_OR_RETURN(Directory folder, parent.MakeChild(name, kInnerMode, rollback));
  RETURN_IF_ERROR(folder.CheckOwner(request.caller.uid, request.options.uid));
  return folder;
}

absl::StatusOr<InnerFolders> MakeInnerFolders(const JailRequest& request, const Directory& root,
                                              Rollback& rollback) {
  ASSIGN_OR_RETURN(Directory dev, MakeInner(request, root, "dev", rollback));
  ASSIGN_OR_RETURN(Directory net, MakeInner(request, dev, "net", rollback));
  ASSIGN_OR_RETURN(Directory run, MakeInner(request, root, "run", rollback));
  return InnerFolders{
      .root = root, .dev = std::move(dev), .net = std::move(net), .run = std::move(run)};
}

// Last of all, from the inside to the outside, so that the user finds nothing to replace while the
// jailer is still at work in there.
absl::Status GiveFolders(const JailRequest& request, const InnerFolders& folders,
                         Rollback& rollback) {
  for (const Directory* folder : {&folders.net, &folders.dev, &folders.run, &folders.root}) {
    RETURN_IF_ERROR(folder->GiveTo(request.options.uid, request.options.gid, kInnerMode, rollback));
  }
  return absl::OkStatus();
}

absl::StatusOr<OwnedFd> OpenNullDevice(const JailerOptions& options) {
  return options.daemonizes ? OwnedFd::Open("/dev/null", O_RDWR) : OwnedFd();
}

constexpr mode_t kPublicMode = 0555;

// The one file of /proc in a jail: from the program's own page map it tells which pages its guest
// has touched (diff snapshots, working sets). A process that is yet to be forked has none to mount;
// it does without, and so does a host without /proc.
absl::Status MountPageMap(const absl::StatusOr<OwnedFd>& page_map, const JailerOptions& options,
                          const Directory& root, Rollback& rollback) {
  if (!page_map.ok()) {
    return absl::OkStatus();
  }
  // The kernel gives a process's files to its user when they are looked up in /proc, which this one
  // is not again.
  if (fchownat(page_map->get(), "", options.uid, options.gid, AT_EMPTY_PATH) != 0) {
    return StepError("Failed to give the page map to the user");
  }
  ASSIGN_OR_RETURN(const Directory proc, root.MakeChild("proc", kPublicMode, rollback));
  ASSIGN_OR_RETURN(const Directory self, proc.MakeChild("self", kPublicMode, rollback));
  return MountDevice(self, "pagemap", page_map->get(), rollback);
}

// Moves this process behind the walls; answers with the root it has then.
absl::StatusOr<InnerFolders> EnterJail(const JailRequest& request, const Directory& root,
                                       JailDevices devices, Rollback& rollback) {
  RETURN_IF_ERROR(EnterMountNamespace(root));
  if (!request.caller.is_root()) {
    ASSIGN_OR_RETURN(devices, JailDevices::AsMounts());
  }
  const bool forks = request.options.daemonizes || request.options.has_new_pid_ns;
  const absl::StatusOr<OwnedFd> page_map =
      forks ? absl::NotFoundError("") : CloneDevice("/proc/self/pagemap");
  ASSIGN_OR_RETURN(const Directory inside, PivotIntoJail(root));
  ASSIGN_OR_RETURN(InnerFolders folders, MakeInnerFolders(request, inside, rollback));
  RETURN_IF_ERROR(
      devices.Make(folders.dev, folders.net, request.options.uid, request.options.gid, rollback));
  RETURN_IF_ERROR(MountPageMap(page_map, request.options, inside, rollback));
  RETURN_IF_ERROR(GiveFolders(request, folders, rollback));
  return folders;
}

LaunchPlan PlanOf(const JailRequest& request, const JailName& name, OwnedFd null_device) {
  const JailerOptions& options = request.options;
  LaunchPlan plan;
  plan.program = absl::StrCat("/", name.program);
  plan.pid_file = name.PidFile();
  plan.id = options.id;
  plan.extra_arguments = options.extra_arguments;
  plan.identity = {
      .uid = options.uid, .gid = options.gid, .keeps_groups = !request.caller.is_root()};
  plan.umask = request.umask;
  plan.null_device = std::move(null_device);
  plan.has_new_pid_ns = options.has_new_pid_ns;
  plan.start_time_us = request.start_time_us;
  plan.start_cpu_time_us = request.start_cpu_time_us;
  return plan;
}

absl::Status Run(const JailRequest& request, Rollback& rollback) {
  const JailerOptions& options = request.options;
  const JailName name = {.program = options.ExecName(), .id = options.id};
  ASSIGN_OR_RETURN(const ProgramFile program, ProgramFile::Open(options.exec_file));
  ASSIGN_OR_RETURN(const Directory base,
                   Directory::Open(request.base, "Failed to canonicalize path"));
  RETURN_IF_ERROR(JoinParentCgroup(request, rollback));
  JailDevices devices = JailDevices::AsNodes();
  ASSIGN_OR_RETURN(const JailFolder folder,
                   MakeJailFolder(base, name, request.caller.uid, rollback));
  RETURN_IF_ERROR(program.CopyTo(folder.root, name.program, options.uid, options.gid, rollback));
  if (!request.caller.is_root()) {
    RETURN_IF_ERROR(EnterUserNamespace(options.uid, options.gid));
  }
  if (options.netns) {
    RETURN_IF_ERROR(JoinNetworkNamespace(*options.netns));
  }
  RETURN_IF_ERROR(ApplyResourceLimits(options.limits, rollback));
  RETURN_IF_ERROR(JoinCgroups(options, rollback));
  ASSIGN_OR_RETURN(OwnedFd null_device, OpenNullDevice(options));
  ASSIGN_OR_RETURN(const InnerFolders inside,
                   EnterJail(request, folder.root, std::move(devices), rollback));
  return Launch(PlanOf(request, name, std::move(null_device)), inside.root, rollback);
}

}  // namespace

absl::Status RunJail(const JailRequest& request) {
  Rollback rollback;
  absl::Status status = Run(request, rollback);
  if (status.ok()) {
    rollback.Dismiss();
  }
  return status;
}

}  // namespace mayfly
