// OperationGroup: accepting, receiving and sending on stream sockets.

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <optional>
#include <vector>

#include "base/operation_group.h"
#include "gtest/gtest.h"
#include "tests/unit/base/loop_fixture.h"

namespace mayfly {
namespace {

struct SocketPair {
  SocketPair() {
    std::array<int, 2> fds{-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    ours = OwnedFd(fds[0]);
    peer = OwnedFd(fds[1]);
  }

  OwnedFd ours;
  OwnedFd peer;
};

// A socket that listens at a name that the kernel chose, without a file.
class Listener {
 public:
  Listener() : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    address_.sun_family = AF_UNIX;
    EXPECT_EQ(bind(fd_.get(), address(), sizeof(sa_family_t)), 0);
    EXPECT_EQ(getsockname(fd_.get(), address(), &size_), 0);
    EXPECT_EQ(listen(fd_.get(), 8), 0);
  }

  int fd() const { return fd_.get(); }

  OwnedFd Connect() {
    OwnedFd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(connect(client.get(), address(), size_), 0);
    return client;
  }

 private:
  sockaddr* address() { return reinterpret_cast<sockaddr*>(&address_); }

  OwnedFd fd_;
  sockaddr_un address_ = {};
  socklen_t size_ = sizeof(address_);
};

class OperationGroupSocketsTest : public LoopTest {};

INSTANTIATE_TEST_SUITE_P(Setups, OperationGroupSocketsTest,
                         testing::Values(Ring::Setup::kBest, Ring::Setup::kMinimal), SetupName);

TEST_P(OperationGroupSocketsTest, AcceptsAConnectionThatItClosesOnExec) {
  Listener listener;
  OperationGroup io(loop.get());
  OwnedFd accepted;
  io.Accept(listener.fd(), [&](int32_t result) { accepted = OwnedFd(result); });
  RunFor(2'000);
  EXPECT_FALSE(accepted.is_open());
  const OwnedFd client = listener.Connect();
  RunUntil([&] { return accepted.is_open(); });
  EXPECT_EQ(fcntl(accepted.get(), F_GETFD), FD_CLOEXEC);
  ASSERT_EQ(write(client.get(), "a", 1), 1);
  char byte = 0;
  EXPECT_EQ(read(accepted.get(), &byte, 1), 1);
}

TEST_P(OperationGroupSocketsTest, AnAbandonedAcceptLeavesNoConnectionOpen) {
  Listener listener;
  OwnedFd client;
  {
    OperationGroup io(loop.get());
    io.Accept(listener.fd(), [](int32_t) { ADD_FAILURE() << "abandoned"; });
    RunFor(1'000);
    // Completes in the kernel; the loop does not run before the group's end.
    client = listener.Connect();
  }
  // The end of the stream: of a socket that was accepted and closed. When the operation was
  // cancelled first, the connection still waits to be accepted.
  char byte = 0;
  const ssize_t count = recv(client.get(), &byte, 1, MSG_DONTWAIT);
  if (count < 0) {
    EXPECT_EQ(errno, EAGAIN);
    pollfd waiting = {.fd = listener.fd(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&waiting, 1, 0), 1) << "accepted, and neither handed out nor closed";
  } else {
    EXPECT_EQ(count, 0);
  }
}

TEST_P(OperationGroupSocketsTest, ReceivesWhatComesThenTheEnd) {
  SocketPair pair;
  OperationGroup io(loop.get());
  std::array<uint8_t, 8> buffer{};
  std::vector<int32_t> results;
  io.Receive(pair.ours.get(), buffer, [&](int32_t result) { results.push_back(result); });
  RunFor(2'000);
  EXPECT_TRUE(results.empty());
  ASSERT_EQ(write(pair.peer.get(), "abc", 3), 3);
  RunUntil([&] { return results.size() == 1; });
  EXPECT_EQ(buffer[2], 'c');
  ASSERT_EQ(shutdown(pair.peer.get(), SHUT_WR), 0);
  io.Receive(pair.ours.get(), buffer, [&](int32_t result) { results.push_back(result); });
  RunUntil([&] { return results.size() == 2; });
  EXPECT_EQ(results, (std::vector<int32_t>{3, 0}));
}

TEST_P(OperationGroupSocketsTest, SendsUntilThePeerIsFullAndGoesOnWhenItReads) {
  SocketPair pair;
  OperationGroup io(loop.get());
  const std::vector<uint8_t> bytes(1 << 20, 'x');
  size_t sent_bytes = 0;
  size_t read_bytes = 0;
  std::vector<uint8_t> sink(1 << 20);
  while (sent_bytes < bytes.size()) {
    std::optional<int32_t> result;
    io.Send(pair.ours.get(), std::span(bytes).subspan(sent_bytes),
            [&](int32_t count) { result = count; });
    RunUntil([&] {
      const ssize_t count = recv(pair.peer.get(), sink.data(), sink.size(), MSG_DONTWAIT);
      read_bytes += count > 0 ? static_cast<size_t>(count) : 0;
      return result.has_value();
    });
    ASSERT_GT(*result, 0);
    sent_bytes += static_cast<size_t>(*result);
  }
  EXPECT_LE(read_bytes, sent_bytes);
}

TEST_P(OperationGroupSocketsTest, SendingToNobodyIsAnErrorAndNoSignal) {
  SocketPair pair;
  pair.peer.Close();
  OperationGroup io(loop.get());
  const std::array<uint8_t, 1> byte{};
  std::optional<int32_t> result;
  io.Send(pair.ours.get(), byte, [&](int32_t value) { result = value; });
  RunUntil([&] { return result.has_value(); });
  EXPECT_EQ(result, -EPIPE);
}

}  // namespace
}  // namespace mayfly
