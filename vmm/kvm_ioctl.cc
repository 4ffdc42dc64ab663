// ioctl on KVM's descriptors.

#include "vmm/kvm_ioctl.h"

#include <sys/ioctl.h>

#include "base/status.h"

namespace mayfly {

absl::StatusOr<int> KvmIoctl(int fd, uint64_t request, uintptr_t argument, absl::string_view name) {
  const int result = ioctl(fd, request, argument);
  if (result < 0) {
    return ErrnoError(name);
  }
  return result;
}

}  // namespace mayfly
