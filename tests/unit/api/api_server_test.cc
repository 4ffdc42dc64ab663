// ApiServer: many clients at once, each with its turn; one too many; the end.

#include "api/api_server.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"
#include "tests/unit/base/loop_fixture.h"

namespace mayfly {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr char kGet[] = "GET /a HTTP/1.1\r\n\r\n";

// Answers with the path and the body, at once or when the test says so.
class EchoHandler : public HttpHandler {
 public:
  void HandleRequest(HttpRequest request, absl::AnyInvocable<void(HttpResponse)> respond) override {
    targets.push_back(request.target);
    if (is_held) {
      held.push_back(std::move(respond));
    } else {
      respond({.status = 200, .body = absl::StrCat(request.target, request.body)});
    }
  }

  bool is_held = false;
  std::vector<std::string> targets;
  std::vector<absl::AnyInvocable<void(HttpResponse)>> held;
};

class ApiServerTest : public LoopTest {
 protected:
  void SetUp() override {
    LoopTest::SetUp();
    path = file.path() + ".socket";
    Start({.socket_path = path});
  }
  void TearDown() override {
    server.reset();
    unlink(path.c_str());
  }
  void Start(ApiServer::Options options) {
    auto created = ApiServer::Create(loop.get(), std::move(options), &handler);
    ASSERT_TRUE(created.ok()) << created.status();
    server = *std::move(created);
  }

  OwnedFd Connect() const {
    OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {.sun_family = AF_UNIX};
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }
  static void Say(const OwnedFd& fd, const std::string& text) {
    EXPECT_EQ(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  // Adds what has come to `text`; false at the end.
  static bool Hear(const OwnedFd& fd, std::string& text) {
    char buffer[4096];
    const ssize_t count = recv(fd.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    if (count > 0) {
      text.append(buffer, static_cast<size_t>(count));
    }
    return count != 0;
  }
  std::string WaitFor(const OwnedFd& fd, const std::string& end) {
    std::string text;
    RunUntil([&] { return !Hear(fd, text) || text.find(end) != std::string::npos; });
    return text;
  }
  // All that is said until the connection's end.
  std::string Rest(const OwnedFd& fd) {
    std::string text;
    RunUntil([&] { return !Hear(fd, text); });
    return text;
  }

  const TemporaryFile file{{}};
  std::string path;
  EchoHandler handler;
  std::unique_ptr<ApiServer> server;
};

TEST_P(ApiServerTest, AnswersOneAfterTheOther) {
  const OwnedFd client = Connect();
  for (int i = 0; i < 3; ++i) {
    Say(client, "PUT /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi");
    EXPECT_EQ(WaitFor(client, "/xhi"),
              "HTTP/1.1 200 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n"
              "Content-Type: application/json\r\nContent-Length: 4\r\n\r\n/xhi");
  }
}

TEST_P(ApiServerTest, ClientsTakeTurns) {
  const OwnedFd flood = Connect();
  const OwnedFd other = Connect();
  std::string requests;
  for (int i = 0; i < 100; ++i) {
    requests += "GET /flood HTTP/1.1\r\n\r\n";
  }
  Say(flood, requests);
  Say(other, kGet);
  WaitFor(other, "/a");
  EXPECT_LT(handler.targets.size(), 100u) << "the other client waited for all of the flood";
}

TEST_P(ApiServerTest, OneRequestIsHandledAtATime) {
  handler.is_held = true;
  const OwnedFd first = Connect();
  const OwnedFd second = Connect();
  Say(first, kGet);
  RunUntil([&] { return handler.held.size() == 1; });
  Say(second, "GET /b HTTP/1.1\r\n\r\n");
  RunFor(20'000);
  EXPECT_EQ(handler.held.size(), 1u);
  handler.held[0]({.status = 200, .body = "done"});
  EXPECT_THAT(WaitFor(first, "done"), StartsWith("HTTP/1.1 200 "));
  RunUntil([&] { return handler.held.size() == 2; });
  handler.held[1]({.status = 204});
  EXPECT_THAT(WaitFor(second, "\r\n\r\n"), StartsWith("HTTP/1.1 204 \r\n"));
}

TEST_P(ApiServerTest, OneClientTooManyIsToldAndClosed) {
  std::vector<OwnedFd> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(Connect());
  }
  RunUntil([&] { return server->connection_count() == 10; });
  EXPECT_EQ(Rest(Connect()), TooManyConnectionsResponse());
  EXPECT_EQ(server->connection_count(), 10u);
  clients.pop_back();
  RunUntil([&] { return server->connection_count() == 9; });
  const OwnedFd next = Connect();
  Say(next, kGet);
  EXPECT_THAT(WaitFor(next, "/a"), StartsWith("HTTP/1.1 200 "));
}

TEST_P(ApiServerTest, RequestTakesThePlaceOfAnIdleClient) {
  std::vector<OwnedFd> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(Connect());
    Say(clients.back(), kGet);
    WaitFor(clients.back(), "/a");
  }
  RunFor(10'000);
  // One that says nothing is turned away all the same.
  EXPECT_EQ(Rest(Connect()), TooManyConnectionsResponse());
  const OwnedFd next = Connect();
  Say(next, kGet);
  EXPECT_THAT(WaitFor(next, "/a"), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(Rest(clients[0]), "") << "the one that was idle longest";
  Say(clients[1], kGet);
  WaitFor(clients[1], "/a");
}

TEST_P(ApiServerTest, WrongPathsAreRefused) {
  const auto create = [&](const std::string& socket_path) {
    return ApiServer::Create(loop.get(), {.socket_path = socket_path}, &handler).status();
  };
  EXPECT_EQ(ErrnoOf(create(path)), EADDRINUSE);
  EXPECT_EQ(ErrnoOf(create("/no/such/folder/s")), ENOENT);
  EXPECT_THAT(std::string(create("/tmp/" + std::string(200, 'x')).message()), HasSubstr("107"));
  EXPECT_FALSE(create("").ok());
}

TEST_P(ApiServerTest, FlushSendsWhatIsAnswered) {
  handler.is_held = true;
  const OwnedFd client = Connect();
  const OwnedFd idle = Connect();
  Say(client, kGet);
  RunUntil([&] { return handler.held.size() == 1; });
  bool is_flushed = false;
  server->Flush(MonotonicTimeUs() + 5'000'000, [&] { is_flushed = true; });
  RunFor(10'000);
  EXPECT_FALSE(is_flushed) << "an answer is still to come";
  handler.held[0]({.status = 200, .body = "last"});
  RunUntil([&] { return is_flushed; });
  EXPECT_THAT(WaitFor(client, "last"), StartsWith("HTTP/1.1 200 "));
}

TEST_P(ApiServerTest, FlushEndsAtItsDeadline) {
  handler.is_held = true;
  const OwnedFd client = Connect();
  Say(client, kGet);
  RunUntil([&] { return handler.held.size() == 1; });
  bool is_flushed = false;
  server->Flush(MonotonicTimeUs() + 10'000, [&] { is_flushed = true; });
  RunUntil([&] { return is_flushed; });
}

INSTANTIATE_TEST_SUITE_P(Setups, ApiServerTest,
                         testing::Values(Ring::Setup::kBest, Ring::Setup::kMinimal), SetupName);

}  // namespace
}  // namespace mayfly
