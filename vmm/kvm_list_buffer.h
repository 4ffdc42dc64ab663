// KvmListBuffer: KVM's structures that end in a list of entries, with room for the list.

#ifndef MAYFLY_VMM_KVM_LIST_BUFFER_H_
#define MAYFLY_VMM_KVM_LIST_BUFFER_H_

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mayfly {

// How kvm_cpuid2 and kvm_msrs begin. The kernel's own declarations have a wrong size in C++: their
// flexible arrays hold an empty struct, which takes space there, and so their ioctl numbers, which
// contain that size, are wrong as well.
struct KvmListHeader {
  __u32 count;
  __u32 padding;
};
static_assert(sizeof(KvmListHeader) == 8);

// struct kvm_msr_list: a count and as many numbers.
inline constexpr uint64_t kKvmGetMsrIndexList = _IOWR(KVMIO, 0x02, __u32);
inline constexpr uint64_t kKvmGetSupportedCpuid = _IOWR(KVMIO, 0x05, KvmListHeader);
inline constexpr uint64_t kKvmGetMsrs = _IOWR(KVMIO, 0x88, KvmListHeader);
inline constexpr uint64_t kKvmSetMsrs = _IOW(KVMIO, 0x89, KvmListHeader);
inline constexpr uint64_t kKvmSetCpuid2 = _IOW(KVMIO, 0x90, KvmListHeader);
inline constexpr uint64_t kKvmGetCpuid2 = _IOWR(KVMIO, 0x91, KvmListHeader);

// struct kvm_xsave without the list at its end, which makes it too large in C++ as well.
struct KvmXsave {
  __u32 region[1024];
};
inline constexpr uint64_t kKvmGetXsave = _IOR(KVMIO, 0xa4, KvmXsave);
inline constexpr uint64_t kKvmSetXsave = _IOW(KVMIO, 0xa5, KvmXsave);
inline constexpr uint64_t kKvmGetXsave2 = _IOR(KVMIO, 0xcf, KvmXsave);

// The argument of such an ioctl: a header and up to `kCapacity` entries.
template <typename Entry, size_t kCapacity>
class KvmListBuffer {
 public:
  static constexpr size_t kMaxEntries = kCapacity;

  // For the kernel to fill.
  void* Prepare() {
    buffer_.header.count = static_cast<__u32>(kMaxEntries);
    return &buffer_;
  }

  // For the kernel to read. `entries` has at most kMaxEntries.
  void* Fill(std::span<const Entry> entries) {
    buffer_.header.count = static_cast<__u32>(entries.size());
    std::copy(entries.begin(), entries.end(), buffer_.entries.begin());
    return &buffer_;
  }

  // What the kernel filled in.
  std::vector<Entry> Entries() const {
    const auto count = std::min<size_t>(buffer_.header.count, kMaxEntries);
    return {buffer_.entries.data(), buffer_.entries.data() + count};
  }

 private:
  struct Buffer {
    KvmListHeader header;
    std::array<Entry, kCapacity> entries;
  };
  static_assert(offsetof(Buffer, entries) == sizeof(KvmListHeader));

  Buffer buffer_ = {};
};

// KVM_MAX_CPUID_ENTRIES of arch/x86/include/asm/kvm_host.h.
using KvmCpuidBuffer = KvmListBuffer<kvm_cpuid_entry2, 256>;
// MAX_IO_MSRS of arch/x86/kvm/x86.c.
using KvmMsrBuffer = KvmListBuffer<kvm_msr_entry, 256>;

}  // namespace mayfly

#endif  // MAYFLY_VMM_KVM_LIST_BUFFER_H_
