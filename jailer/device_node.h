// DeviceNode: a device in the jail.

#ifndef MAYFLY_JAILER_DEVICE_NODE_H_
#define MAYFLY_JAILER_DEVICE_NODE_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "jailer/directory.h"
#include "jailer/rollback.h"

namespace mayfly {

// Makes the character device `name` with the number `device` in `folder`, for `uid` and `gid`, mode
// 0600. Needs CAP_MKNOD, and a umask that leaves these bits. Whatever is there already, a link or
// not, is refused. Errors: StepError.
absl::Status MakeDeviceNode(const Directory& folder, const std::string& name, dev_t device,
                            uid_t uid, gid_t gid, Rollback& rollback);

// For who may not make devices: the same by an empty file onto which the host's device at
// `host_path` is mounted, with the host's owner and mode. `folder` must be of the mount namespace
// of this process; `host_fd` comes from CloneDevice.
absl::Status MountDevice(const Directory& folder, const std::string& name, int host_fd,
                         Rollback& rollback);

// A mount of the host's device alone, without set-user-ID and programs, that is nowhere yet.
// NotFound where the host has no such device.
absl::StatusOr<OwnedFd> CloneDevice(const std::string& host_path);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_DEVICE_NODE_H_
