// Tap: attaching by name and by descriptor, and what is refused. In a network of its own.

#include "devices/virtio/tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <string>
#include <utility>

#include "base/owned_fd.h"
#include "base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/network_namespace.h"

namespace mayfly {
namespace {

using testing::HasSubstr;

OwnedFd Attach(const char* name, int flags) {
  OwnedFd tun(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  ifreq request = NetworkNamespace::Request(name);
  request.ifr_flags = static_cast<decltype(request.ifr_flags)>(flags);
  EXPECT_EQ(ioctl(tun.get(), TUNSETIFF, &request), 0);
  return tun;
}

TEST(TapTest, RefusesNamesThatCannotBe) {
  EXPECT_EQ(Tap::Open("", Tap::Missing::kIsError).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Tap::Open("a-name-of-16-byt", Tap::Missing::kIsError).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(TapTest, RefusesToAdoptWhatIsNoTap) {
  EXPECT_EQ(Tap::Adopt(OwnedFd(open("/dev/null", O_RDWR))).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Tap::Adopt(OwnedFd(1'000'000)).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(TapTest, AttachesOnceToATapThatExists) {
  const std::string reason = NetworkNamespace::Run([] {
    // Attaching makes one that is missing, which would be gone at the end.
    EXPECT_EQ(Tap::Open("tap0", Tap::Missing::kIsError).status().code(),
              absl::StatusCode::kNotFound);
    EXPECT_EQ(if_nametoindex("tap0"), 0u);
    NetworkNamespace::AddTap("tap0");
    const auto tap = Tap::Open("tap0", Tap::Missing::kIsError);
    ASSERT_TRUE(tap.ok()) << tap.status();
    EXPECT_EQ(tap->name(), "tap0");
    EXPECT_EQ(fcntl(tap->fd(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(fcntl(tap->fd(), F_GETFD) & FD_CLOEXEC, 0);
    int header_bytes = 0;
    EXPECT_EQ(ioctl(tap->fd(), TUNGETVNETHDRSZ, &header_bytes), 0);
    EXPECT_EQ(header_bytes, 12);
    EXPECT_TRUE(tap->SetOffload(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6).ok());
    EXPECT_TRUE(tap->SupportsOffload(TUN_F_CSUM));
    EXPECT_FALSE(tap->SupportsOffload(0x40000000));
    const absl::Status busy = Tap::Open("tap0", Tap::Missing::kIsError).status();
    EXPECT_FALSE(busy.ok());
    EXPECT_THAT(std::string(busy.message()), HasSubstr("in use"));
  });
  if (!reason.empty()) {
    GTEST_SKIP() << reason;
  }
}

TEST(TapTest, CreatesAMissingTapForAsLongAsADescriptorIsOpen) {
  const std::string reason = NetworkNamespace::Run([] {
    auto tap = Tap::Open("tap4", Tap::Missing::kIsCreated);
    ASSERT_TRUE(tap.ok()) << tap.status();
    EXPECT_NE(if_nametoindex("tap4"), 0u);
    {
      const auto copy = tap->Duplicate();
      ASSERT_TRUE(copy.ok()) << copy.status();
      EXPECT_NE(copy->fd(), tap->fd());
      EXPECT_EQ(copy->name(), "tap4");
      EXPECT_NE(fcntl(copy->fd(), F_GETFD) & FD_CLOEXEC, 0);
      tap = absl::UnknownError("closed");
      EXPECT_TRUE(copy->SetOffload(TUN_F_CSUM).ok());
      EXPECT_NE(if_nametoindex("tap4"), 0u);
    }
    EXPECT_EQ(if_nametoindex("tap4"), 0u);
  });
  if (!reason.empty()) {
    GTEST_SKIP() << reason;
  }
}

TEST(TapTest, SaysWhatIsWrongWithAnInterface) {
  const std::string reason = NetworkNamespace::Run([] {
    NetworkNamespace::AddTap("tap1", IFF_MULTI_QUEUE);
    const absl::Status status = Tap::Open("tap1", Tap::Missing::kIsError).status();
    EXPECT_THAT(std::string(status.message()), HasSubstr("no TAP of one queue"));
    EXPECT_EQ(ErrnoOf(status), EINVAL);
    EXPECT_EQ(ErrnoOf(Tap::Open("tap1", Tap::Missing::kIsCreated).status()), EINVAL);
    EXPECT_FALSE(Tap::Open("lo", Tap::Missing::kIsError).ok());
  });
  if (!reason.empty()) {
    GTEST_SKIP() << reason;
  }
}

TEST(TapTest, AdoptsWhatSomebodyElseAttached) {
  const std::string reason = NetworkNamespace::Run([] {
    OwnedFd attached = Attach("tap2", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
    ASSERT_EQ(fcntl(attached.get(), F_SETFL, O_NONBLOCK), 0);
    const auto tap = Tap::Adopt(std::move(attached));
    ASSERT_TRUE(tap.ok()) << tap.status();
    EXPECT_EQ(tap->name(), "tap2");
    EXPECT_EQ(fcntl(tap->fd(), F_GETFL) & O_NONBLOCK, 0);
    int header_bytes = 0;
    EXPECT_EQ(ioctl(tap->fd(), TUNGETVNETHDRSZ, &header_bytes), 0);
    EXPECT_EQ(header_bytes, 12);
    // Without the header, or on the IP layer. Packet information cannot be seen: the kernel answers
    // with the same bit for it and for "no filter".
    for (const int flags : {IFF_TAP | IFF_NO_PI, IFF_TUN | IFF_NO_PI | IFF_VNET_HDR}) {
      EXPECT_EQ(Tap::Adopt(Attach("tap3", flags)).status().code(),
                absl::StatusCode::kInvalidArgument)
          << flags;
    }
  });
  if (!reason.empty()) {
    GTEST_SKIP() << reason;
  }
}

TEST(TapTest, PacketsOfASocketHaveNoOffloads) {
  const Tap tap = Tap::ForPackets(OwnedFd(open("/dev/null", O_RDWR)));
  EXPECT_TRUE(tap.SetOffload(TUN_F_CSUM).ok());
  EXPECT_FALSE(tap.SupportsOffload(TUN_F_CSUM));
}

}  // namespace
}  // namespace mayfly
