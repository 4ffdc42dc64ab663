// Creates the memory and the userfaultfd and hands the latter over.

#include "snapshot/userfault_memory.h"

#include <fcntl.h>
#include <linux/mman.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "base/os_error.h"
#include "base/status.h"
#include "snapshot/memory_file.h"

namespace mayfly {
namespace {

constexpr uint64_t kSmallPageBytes = 4096;
constexpr uint64_t kHugePageBytes = uint64_t{2} << 20;

uint64_t PageBytes(HugePages huge_pages) {
  return huge_pages == HugePages::k2M ? kHugePageBytes : kSmallPageBytes;
}

// "what: No such file or directory (os error 2)", with the current errno.
absl::Status OsError(absl::string_view what) {
  const int error_number = errno;
  return absl::Status(absl::ErrnoToStatusCode(error_number),
                      absl::StrCat(what, ": ", OsErrorText(error_number)));
}

absl::StatusOr<Mapping> MapRegion(uint64_t size_bytes, HugePages huge_pages) {
  const int huge_flags = huge_pages == HugePages::k2M ? MAP_HUGETLB | MAP_HUGE_2MB : 0;
  ASSIGN_OR_RETURN(Mapping mapping, Mapping::Create({.size_bytes = size_bytes,
                                                     .protection = PROT_READ | PROT_WRITE,
                                                     .flags = MAP_PRIVATE | MAP_ANONYMOUS |
                                                              MAP_NORESERVE | huge_flags,
                                                     .alignment_bytes = kHugePageBytes}));
  if (huge_pages == HugePages::kTransparent &&
      madvise(mapping.data(), size_bytes, MADV_HUGEPAGE) != 0) {
    return ErrnoError("madvise(MADV_HUGEPAGE)");
  }
  // Guest RAM belongs in a snapshot, not in the monitor's core dump.
  if (madvise(mapping.data(), size_bytes, MADV_DONTDUMP) != 0) {
    return ErrnoError("madvise(MADV_DONTDUMP)");
  }
  return mapping;
}

absl::StatusOr<GuestMemory> MapMemory(std::span<const GuestRange> ranges, HugePages huge_pages) {
  RETURN_IF_ERROR(SizeOfRanges(ranges, PageBytes(huge_pages)));
  std::vector<GuestMemory::Region> regions;
  uint64_t offset_bytes = 0;
  for (const GuestRange& range : ranges) {
    ASSIGN_OR_RETURN(Mapping mapping, MapRegion(range.size_bytes, huge_pages));
    regions.push_back({range.start, std::move(mapping), offset_bytes});
    offset_bytes += range.size_bytes;
  }
  return GuestMemory::Create(std::move(regions), OwnedFd(), GuestMemory::Backing::kUserfault);
}

// The device lets an administrator say by its mode who may handle faults of the kernel's, which
// KVM's are; the system call asks for CAP_SYS_PTRACE.
absl::StatusOr<OwnedFd> CreateUserfault() {
  constexpr char kWhat[] = "Failed to UFFD object";
  OwnedFd fd;
  const OwnedFd device(open("/dev/userfaultfd", O_RDWR | O_CLOEXEC));
  if (device.is_open()) {
    fd = OwnedFd(ioctl(device.get(), USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK));
  } else {
    fd = OwnedFd(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK)));
  }
  if (!fd.is_open()) {
    return OsError(kWhat);
  }
  uffdio_api api = {};
  api.api = UFFD_API;
  api.features = UFFD_FEATURE_EVENT_REMOVE;
  if (ioctl(fd.get(), UFFDIO_API, &api) != 0) {
    return OsError(kWhat);
  }
  return fd;
}

absl::Status Register(int userfault_fd, const GuestMemory& memory) {
  for (const GuestMemory::Region& region : memory.regions()) {
    uffdio_register request = {};
    // The kernel takes addresses as numbers.
    request.range.start = reinterpret_cast<uintptr_t>(region.mapping.data());
    request.range.len = region.mapping.size_bytes();
    request.mode = UFFDIO_REGISTER_MODE_MISSING;
    if (ioctl(userfault_fd, UFFDIO_REGISTER, &request) != 0) {
      return OsError("Failed to register memory address range with the userfaultfd object");
    }
  }
  return absl::OkStatus();
}

std::string RegionsJson(const GuestMemory& memory, uint64_t page_bytes) {
  std::string json;
  for (const GuestMemory::Region& region : memory.regions()) {
    absl::StrAppendFormat(
        &json,
        R"(%s{"base_host_virt_addr":%u,"size":%u,"offset":%u,"page_size":%u,"page_size_kib":%u})",
        json.empty() ? "[" : ",", reinterpret_cast<uintptr_t>(region.mapping.data()),
        region.mapping.size_bytes(), region.file_offset_bytes, page_bytes, page_bytes);
  }
  return json + "]";
}

absl::StatusOr<OwnedFd> Connect(const std::string& path) {
  constexpr char kWhat[] = "Failed to connect to UDS Unix stream";
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path) ||
      path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(kWhat, ": path must be shorter than SUN_LEN and not empty"));
  }
  std::memcpy(static_cast<char*>(address.sun_path), path.data(), path.size());
  OwnedFd socket_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket_fd.is_open()) {
    return OsError(kWhat);
  }
  // Every address type is passed as a sockaddr.
  while (connect(socket_fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
         0) {
    if (errno != EINTR) {
      return OsError(kWhat);
    }
  }
  return socket_fd;
}

absl::Status Send(int socket_fd, std::string message, int passed_fd) {
  constexpr char kWhat[] = "Failed to sends file descriptor";
  iovec segment = {.iov_base = message.data(), .iov_len = message.size()};
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(int))> control{};
  msghdr header = {};
  header.msg_iov = &segment;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(rights), &passed_fd, sizeof(passed_fd));
  ssize_t count = 0;
  do {
    count = sendmsg(socket_fd, &header, MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    return OsError(kWhat);
  }
  if (static_cast<size_t>(count) != message.size()) {
    return absl::UnavailableError(absl::StrCat(kWhat, ": the message was cut"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UserfaultMemory> UserfaultMemory::Create(std::span<const GuestRange> ranges,
                                                        HugePages huge_pages,
                                                        const std::string& socket_path) {
  UserfaultMemory result;
  ASSIGN_OR_RETURN(result.memory, MapMemory(ranges, huge_pages));
  ASSIGN_OR_RETURN(result.userfault_fd, CreateUserfault());
  RETURN_IF_ERROR(Register(result.userfault_fd.get(), result.memory));
  ASSIGN_OR_RETURN(result.socket, Connect(socket_path));
  RETURN_IF_ERROR(Send(result.socket.get(), RegionsJson(result.memory, PageBytes(huge_pages)),
                       result.userfault_fd.get()));
  return result;
}

}  // namespace mayfly
