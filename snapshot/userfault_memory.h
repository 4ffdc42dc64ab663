// UserfaultMemory: guest RAM whose pages another process fills in, as Firecracker hands it over.

#ifndef MAYFLY_SNAPSHOT_USERFAULT_MEMORY_H_
#define MAYFLY_SNAPSHOT_USERFAULT_MEMORY_H_

#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "base/guest_address.h"
#include "base/guest_memory.h"
#include "base/owned_fd.h"
#include "vmm/guest_ram.h"

namespace mayfly {

// Anonymous memory, registered with a userfaultfd(2) for missing pages. The handler at the socket
// gets one message: a JSON array with a region each, in order,
//
//   [{"base_host_virt_addr":139904,"size":268435456,"offset":0,"page_size":4096,
//     "page_size_kib":4096}]
//
// and the userfaultfd. `offset` is the region's in the memory file; both page sizes are in bytes.
// Pages that are given back (MADV_DONTNEED) are told to the handler by UFFD_EVENT_REMOVE.
//
// Until the handler fills a page whoever touches it waits: the guest, a device, the loop. When it
// dies they wait for ever. The handler is as trusted as a memory file.
struct UserfaultMemory {
  // Backing::kUserfault.
  GuestMemory memory;
  // Kept as long as the guest runs. The userfaultfd, so that a handler may die and another go on;
  // the connection, so that the handler sees the end of this process.
  OwnedFd userfault_fd;
  OwnedFd socket;

  // `ranges` are the RAM's regions, from the state file. Blocks until the handler accepts or the
  // kernel queues the connection.
  //
  // Errors: InvalidArgument for ranges that are none, overlap, are out of order, or no multiples of
  // the page size; "mmap: reason"; else texts of Firecracker's: "Failed to connect to UDS Unix
  // stream: No such file or directory (os error 2)".
  static absl::StatusOr<UserfaultMemory> Create(std::span<const GuestRange> ranges,
                                                HugePages huge_pages,
                                                const std::string& socket_path);
};

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_USERFAULT_MEMORY_H_
