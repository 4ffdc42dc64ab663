// Numbers of KVM's ioctls whose structures C++ takes for larger than they are.

#ifndef MAYFLY_JAILER_KVM_IOCTLS_H_
#define MAYFLY_JAILER_KVM_IOCTLS_H_

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <cstdint>

namespace mayfly {

// Their flexible arrays hold an empty struct, which takes space in C++ but not in the kernel's C,
// and the size is part of the number: linux/kvm.h gives wrong ones.
inline constexpr unsigned kListHeaderBytes = 8;
inline constexpr unsigned kXsaveBytes = 4096;

constexpr uint64_t KvmIoctl(unsigned direction, unsigned number, unsigned size_bytes) {
  return _IOC(direction, KVMIO, number, size_bytes);
}

inline constexpr uint64_t kKvmGetMsrIndexListNumber =
    KvmIoctl(_IOC_READ | _IOC_WRITE, 0x02, sizeof(__u32));
inline constexpr uint64_t kKvmGetSupportedCpuidNumber =
    KvmIoctl(_IOC_READ | _IOC_WRITE, 0x05, kListHeaderBytes);
inline constexpr uint64_t kKvmGetMsrsNumber =
    KvmIoctl(_IOC_READ | _IOC_WRITE, 0x88, kListHeaderBytes);
inline constexpr uint64_t kKvmSetMsrsNumber = KvmIoctl(_IOC_WRITE, 0x89, kListHeaderBytes);
inline constexpr uint64_t kKvmSetCpuid2Number = KvmIoctl(_IOC_WRITE, 0x90, kListHeaderBytes);
inline constexpr uint64_t kKvmGetCpuid2Number =
    KvmIoctl(_IOC_READ | _IOC_WRITE, 0x91, kListHeaderBytes);
inline constexpr uint64_t kKvmGetXsaveNumber = KvmIoctl(_IOC_READ, 0xa4, kXsaveBytes);
inline constexpr uint64_t kKvmSetXsaveNumber = KvmIoctl(_IOC_WRITE, 0xa5, kXsaveBytes);
inline constexpr uint64_t kKvmGetXsave2Number = KvmIoctl(_IOC_READ, 0xcf, kXsaveBytes);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_KVM_IOCTLS_H_
