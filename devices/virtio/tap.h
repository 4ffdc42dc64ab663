// Tap: the host's end of a guest's network card.

#ifndef MAYFLY_DEVICES_VIRTIO_TAP_H_
#define MAYFLY_DEVICES_VIRTIO_TAP_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/owned_fd.h"

namespace mayfly {

// An open TAP interface (Documentation/networking/tuntap.rst) whose frames carry the header of a
// modern virtio network card, so that they pass unchanged. Owned by NetDevice; loop thread.
class Tap {
 public:
  // struct virtio_net_hdr_v1.
  static constexpr uint32_t kHeaderBytes = 12;

  // What Open does about a name that no interface has.
  enum class Missing {
    kIsError,
    kIsCreated,  // for as long as it is open, where the process may (CAP_NET_ADMIN)
  };

  // Attaches to the single-queue TAP `name`. Errors: NotFound when there is none of that name;
  // InvalidArgument when it is too long or no TAP of one queue; "TUNSETIFF NAME: reason", with
  // ResourceExhausted or Unavailable for one that is in use, PermissionDenied for one that the
  // process may not use or create.
  static absl::StatusOr<Tap> Open(const std::string& name, Missing missing);
  // Takes over a descriptor that somebody else attached, with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR.
  // InvalidArgument when it is none such.
  static absl::StatusOr<Tap> Adopt(OwnedFd fd);

  // Any descriptor that moves one frame, header included, with each read and write, such as a
  // datagram socket; without offloads.
  static Tap ForPackets(OwnedFd fd) { return Tap(std::move(fd), "packets", false); }

  // The same attachment under a descriptor of its own: only one of the two is to be used.
  absl::StatusOr<Tap> Duplicate() const;

  // What the guest takes: the kernel's TUN_F_* bits. Zero for plain frames with complete checksums.
  absl::Status SetOffload(uint32_t tun_features) const;
  // Whether the kernel knows these TUN_F_* bits.
  bool SupportsOffload(uint32_t tun_features) const;

  int fd() const { return fd_.get(); }
  const std::string& name() const { return name_; }

 private:
  Tap(OwnedFd fd, std::string name, bool has_offloads)
      : fd_(std::move(fd)), name_(std::move(name)), has_offloads_(has_offloads) {}

  absl::Status SetUp() const;

  OwnedFd fd_;
  std::string name_;
  bool has_offloads_ = true;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_TAP_H_
