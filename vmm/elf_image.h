// ElfImage: what a loader needs to know of a 64-bit x86-64 ELF kernel (vmlinux).

#ifndef MAYFLY_VMM_ELF_IMAGE_H_
#define MAYFLY_VMM_ELF_IMAGE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/guest_address.h"

namespace mayfly {

// A piece of the file that goes to guest memory. Bytes past `file_bytes` up to `memory_bytes` are
// zeros.
struct ElfSegment {
  uint64_t file_offset = 0;   // file_offset + file_bytes lies within the file
  uint64_t file_bytes = 0;    // at most memory_bytes
  GuestAddress address;       // physical (p_paddr)
  uint64_t memory_bytes = 0;  // at least 1; address + memory_bytes does not wrap

  bool operator==(const ElfSegment&) const = default;
};

// A plain value that holds no reference to the file. Whether the segments lie in guest RAM is for
// the loader to check.
struct ElfImage {
  // Sorted by address, without overlap, at least one.
  std::vector<ElfSegment> segments;
  // The entry of the 64-bit boot protocol (e_entry). Lies in a segment unless there is a
  // `pvh_entry`: kernels that are entered by PVH alone may keep a virtual address here.
  GuestAddress entry;
  // The 32-bit PVH entry, from the note XEN_ELFNOTE_PHYS32_ENTRY (18) of owner "Xen" in a PT_NOTE
  // segment. Lies in a segment, below 4 GiB.
  std::optional<GuestAddress> pvh_entry;

  // Reads the headers and notes of an ET_EXEC or ET_DYN file (ELF-64 object file format, version
  // 1.5) and never past `file`. InvalidArgument with one phrase on what is wrong; the caller adds
  // the file's name.
  static absl::StatusOr<ElfImage> Parse(std::span<const uint8_t> file);
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_ELF_IMAGE_H_
