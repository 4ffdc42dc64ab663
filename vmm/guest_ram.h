// Makes a guest's RAM: the regions around the MMIO holes, in one file.

#ifndef MAYFLY_VMM_GUEST_RAM_H_
#define MAYFLY_VMM_GUEST_RAM_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "base/guest_address.h"
#include "base/guest_memory.h"

namespace mayfly {

// What backs guest RAM on the host.
enum class HugePages {
  kNone,         // 4 KiB pages
  kTransparent,  // transparent huge pages where the kernel finds them (madvise)
  k2M,           // 2 MiB pages reserved by the host's administrator (hugetlbfs)
};

struct GuestRamOptions {
  uint64_t size_bytes = 0;
  HugePages huge_pages = HugePages::kNone;
};

// Where RAM of this size lies in guest physical space: [0, 3 GiB), then from 4 GiB, then from 512
// GiB on. `size_bytes` is at least one page.
std::vector<GuestRange> GuestRamRanges(uint64_t size_bytes);

// InvalidArgument: size 0, not a multiple of the page size (4 KiB; 2 MiB with huge pages), or more
// than the host's RAM.
absl::Status CheckGuestRamSize(const GuestRamOptions& options);

// RAM of `size_bytes`: one mapping per region, 2 MiB aligned on the host, all from one memfd, not
// yet populated. kTransparent is private anonymous memory where the host does not allow shared huge
// pages, as is any RAM larger than RLIMIT_FSIZE, which a memfd may not exceed
// (docs/decisions/0002).
//
// Errors: CheckGuestRamSize's, else the failing call.
absl::StatusOr<GuestMemory> CreateGuestRam(const GuestRamOptions& options);

}  // namespace mayfly

#endif  // MAYFLY_VMM_GUEST_RAM_H_
