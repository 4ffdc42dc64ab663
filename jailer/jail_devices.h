// JailDevices: the devices that a jailed monitor finds: KVM, TAP, random numbers, page faults.

#ifndef MAYFLY_JAILER_JAIL_DEVICES_H_
#define MAYFLY_JAILER_JAIL_DEVICES_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/owned_fd.h"
#include "jailer/directory.h"
#include "jailer/rollback.h"

namespace mayfly {

// Found on the host first, made in the jail when the host is out of sight. Move-only.
class JailDevices {
 public:
  // As nodes of the jail's own, which only root can make. Reads /proc/misc for the number of
  // userfaultfd.
  static JailDevices AsNodes();

  // As mounts of the host's devices, for who is not root; those that the host has not are left
  // out, but for /dev/kvm. Needs a mount namespace of its own. Errors: StepError.
  static absl::StatusOr<JailDevices> AsMounts();

  // Makes them in the jail's /dev and /dev/net: for `uid` and `gid` alone where they are nodes.
  // Where /dev/urandom cannot be made, only a warning is printed. Errors: StepError.
  absl::Status Make(const Directory& dev, const Directory& net, uid_t uid, gid_t gid,
                    Rollback& rollback) const;

 private:
  struct Device {
    std::string name;         // in /dev
    bool is_network = false;  // in /dev/net
    dev_t number = 0;
    OwnedFd host_mount = OwnedFd();
  };

  static std::vector<Device> All();

  std::vector<Device> devices_;
};

}  // namespace mayfly

#endif  // MAYFLY_JAILER_JAIL_DEVICES_H_
