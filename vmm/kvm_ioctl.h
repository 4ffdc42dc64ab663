// KvmIoctl: the single place that calls ioctl(2) on KVM's descriptors.

#ifndef MAYFLY_VMM_KVM_IOCTL_H_
#define MAYFLY_VMM_KVM_IOCTL_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mayfly {

// The ioctl's non-negative result, or a Status that begins with `name`. `argument` is the third
// parameter of ioctl(2): a number, or a pointer made by KvmArgument. EINTR is an error like others:
// KVM_CREATE_VM and KVM_RUN give it meaning.
absl::StatusOr<int> KvmIoctl(int fd, uint64_t request, uintptr_t argument, absl::string_view name);

// A pointer as KvmIoctl takes it.
template <typename T>
uintptr_t KvmArgument(T* pointer) {
  // ioctl's argument is an integer that the kernel reads as an address.
  return reinterpret_cast<uintptr_t>(pointer);
}

}  // namespace mayfly

#endif  // MAYFLY_VMM_KVM_IOCTL_H_
