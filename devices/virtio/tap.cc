// TAP interfaces by ioctl.

#include "devices/virtio/tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly {
namespace {

constexpr int16_t kFlags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;

absl::Status CheckName(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) {
    return absl::InvalidArgumentError(
        absl::StrCat("a network interface's name has 1 to ", IFNAMSIZ - 1, " bytes"));
  }
  return absl::OkStatus();
}

absl::Status MissingError(const std::string& name) {
  return absl::NotFoundError(absl::StrCat("there is no network interface '", name,
                                          "' (ip tuntap add dev ", name, " mode tap makes one)"));
}

// TUNSETIFF made it, and closing takes it away again: one that was there and free for this process
// is persistent. Looking for the name first would take as long as attaching does.
bool IsNew(const OwnedFd& fd) {
  ifreq request = {};
  return ioctl(fd.get(), TUNGETIFF, &request) == 0 && (request.ifr_flags & IFF_PERSIST) == 0;
}

absl::Status AttachError(const std::string& name, int error) {
  const absl::Status status = ErrnoError(absl::StrCat("TUNSETIFF ", name), error);
  switch (error) {
    case EBUSY:
      return AddHint(status, "in use by another process");
    case EINVAL:
      return AddHint(status, "it is no TAP of one queue");
    case EPERM:
      return AddHint(status, "it belongs to another user");
    default:
      return status;
  }
}

}  // namespace

absl::StatusOr<Tap> Tap::Open(const std::string& name, Missing missing) {
  RETURN_IF_ERROR(CheckName(name));
  ASSIGN_OR_RETURN(OwnedFd fd, OwnedFd::Open("/dev/net/tun", O_RDWR));
  ifreq request = {};
  std::memcpy(request.ifr_name, name.data(), name.size());
  request.ifr_flags = kFlags;
  if (ioctl(fd.get(), TUNSETIFF, &request) != 0) {
    const int error = errno;
    return missing == Missing::kIsError && if_nametoindex(name.c_str()) == 0
               ? MissingError(name)
               : AttachError(name, error);
  }
  if (missing == Missing::kIsError && IsNew(fd)) {
    return MissingError(name);
  }
  Tap tap(std::move(fd), name, true);
  RETURN_IF_ERROR(tap.SetUp());
  return tap;
}

absl::StatusOr<Tap> Tap::Adopt(OwnedFd fd) {
  ifreq request = {};
  if (ioctl(fd.get(), TUNGETIFF, &request) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("file descriptor ", fd.get(),
                     " is not an attached TAP: ", ErrnoError("TUNGETIFF").message()));
  }
  if ((request.ifr_flags & kFlags) != kFlags) {
    return absl::InvalidArgumentError(
        absl::StrCat("file descriptor ", fd.get(),
                     " is not attached as a TAP with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR"));
  }
  // With it the ring's reads would not wait for frames.
  const int flags = fcntl(fd.get(), F_GETFL);
  if (flags < 0 || fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK) != 0 ||
      fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0) {
    return ErrnoError("fcntl");
  }
  Tap tap(std::move(fd), request.ifr_name, true);
  RETURN_IF_ERROR(tap.SetUp());
  return tap;
}

absl::StatusOr<Tap> Tap::Duplicate() const {
  ASSIGN_OR_RETURN(OwnedFd fd, fd_.Duplicate());
  return Tap(std::move(fd), name_, has_offloads_);
}

absl::Status Tap::SetUp() const {
  int header_bytes = kHeaderBytes;
  if (ioctl(fd(), TUNSETVNETHDRSZ, &header_bytes) != 0) {
    return ErrnoError(absl::StrCat("TUNSETVNETHDRSZ ", name_));
  }
  // Whoever had the interface before may have left offloads that this guest does not take.
  return SetOffload(0);
}

absl::Status Tap::SetOffload(uint32_t tun_features) const {
  if (has_offloads_ && ioctl(fd(), TUNSETOFFLOAD, uint64_t{tun_features}) != 0) {
    return ErrnoError(absl::StrCat("TUNSETOFFLOAD ", name_));
  }
  return absl::OkStatus();
}

bool Tap::SupportsOffload(uint32_t tun_features) const {
  if (!has_offloads_) {
    return false;
  }
  const bool is_supported = SetOffload(tun_features).ok();
  return SetOffload(0).ok() && is_supported;
}

}  // namespace mayfly
