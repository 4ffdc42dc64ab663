// NetworkNamespace: a network of the test's own, with a TAP and somebody at its other end.

#ifndef MAYFLY_TESTS_FAKES_NETWORK_NAMESPACE_H_
#define MAYFLY_TESTS_FAKES_NETWORK_NAMESPACE_H_

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/owned_fd.h"

namespace mayfly {

class NetworkNamespace {
 public:
  // Runs `function` on a thread of its own in a new network, which ends with the thread and what it
  // opened. Why it cannot, such as for lack of privilege; empty when `function` ran.
  static std::string Run(const std::function<void()>& function) {
    std::string reason;
    std::thread thread([&] {
      if (unshare(CLONE_NEWNET) != 0) {
        reason = std::string("no network namespace of its own: ") + std::strerror(errno);
        return;
      }
      if (!OwnedFd(open("/dev/net/tun", O_RDWR | O_CLOEXEC)).is_open()) {
        reason = std::string("no /dev/net/tun: ") + std::strerror(errno);
        return;
      }
      function();
    });
    thread.join();
    return reason;
  }

  // Makes a TAP that stays, and takes it up.
  static void AddTap(const char* name, int more_flags = 0) {
    const OwnedFd tun(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    ifreq request = Request(name);
    request.ifr_flags =
        static_cast<decltype(request.ifr_flags)>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | more_flags);
    MAYFLY_CHECK(ioctl(tun.get(), TUNSETIFF, &request) == 0);
    MAYFLY_CHECK(ioctl(tun.get(), TUNSETPERSIST, 1) == 0);
    const OwnedFd any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    request = Request(name);
    request.ifr_flags = IFF_UP;
    MAYFLY_CHECK(ioctl(any.get(), SIOCSIFFLAGS, &request) == 0);
  }

  // Somebody who sends and receives whole Ethernet frames on the interface.
  static OwnedFd OpenInterface(const char* name) {
    OwnedFd packets(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL)));
    sockaddr_ll address = {};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(if_nametoindex(name));
    // The one way from a sockaddr_ll to bind(2).
    MAYFLY_CHECK(
        bind(packets.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    return packets;
  }

  static ifreq Request(const char* name) {
    ifreq request = {};
    std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    return request;
  }
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_NETWORK_NAMESPACE_H_
