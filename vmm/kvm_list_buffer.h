// KvmListBuffer: KVM's structures that end in a list of entries, with room for the list.

#ifndef MAYFLY_VMM_KVM_LIST_BUFFER_H_
#define MAYFLY_VMM_KVM_LIST_BUFFER_H_

#include <linux/kvm.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

namespace mayfly {

// The argument of an ioctl that takes a `Header`, whose first member is the number of entries as a
// __u32, followed by up to `kCapacity` of `Entry`.
template <typename Header, typename Entry, size_t kCapacity>
class KvmListBuffer {
 public:
  static constexpr size_t kMaxEntries = kCapacity;

  // For the kernel to fill.
  Header* Prepare() {
    SetCount(kMaxEntries);
    return header();
  }

  // For the kernel to read. `entries` has at most kMaxEntries.
  Header* Fill(std::span<const Entry> entries) {
    SetCount(entries.size());
    if (!entries.empty()) {
      std::memcpy(bytes_.data() + sizeof(Header), entries.data(), entries.size_bytes());
    }
    return header();
  }

  // What the kernel filled in.
  std::vector<Entry> Entries() const {
    __u32 count = 0;
    std::memcpy(&count, bytes_.data(), sizeof(count));
    std::vector<Entry> entries(std::min<size_t>(count, kMaxEntries));
    if (!entries.empty()) {
      std::memcpy(entries.data(), bytes_.data() + sizeof(Header), entries.size() * sizeof(Entry));
    }
    return entries;
  }

 private:
  void SetCount(size_t count) {
    const auto short_count = static_cast<__u32>(count);
    std::memcpy(bytes_.data(), &short_count, sizeof(short_count));
  }

  // The bytes are laid out and aligned as the kernel's structure.
  Header* header() { return reinterpret_cast<Header*>(bytes_.data()); }

  alignas(Header) alignas(
      Entry) std::array<char, sizeof(Header) + kCapacity * sizeof(Entry)> bytes_{};
};

// KVM_MAX_CPUID_ENTRIES of arch/x86/include/asm/kvm_host.h.
using KvmCpuidBuffer = KvmListBuffer<kvm_cpuid2, kvm_cpuid_entry2, 256>;
using KvmMsrBuffer = KvmListBuffer<kvm_msrs, kvm_msr_entry, 64>;

}  // namespace mayfly

#endif  // MAYFLY_VMM_KVM_LIST_BUFFER_H_
