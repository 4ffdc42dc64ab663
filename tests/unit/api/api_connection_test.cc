// ApiConnection: one client that is slow, greedy, wrong or gone.

#include "api/api_connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/base/loop_fixture.h"

namespace mayfly {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class ApiConnectionTest : public LoopTest, public ApiConnectionEvents {
 protected:
  void SetUp() override {
    LoopTest::SetUp();
    std::array<int, 2> fds{-1, -1};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    client = OwnedFd(fds[1]);
    connection = std::make_unique<ApiConnection>(loop.get(), OwnedFd(fds[0]), 250, this);
  }
  void TearDown() override { connection.reset(); }

  void OnRequest(ApiConnection* one) override {
    const HttpRequest request = one->TakeRequest();
    ++request_count;
    last_body = request.body;
    one->Respond({.status = 200, .body = answer});
  }
  void OnSent(ApiConnection* /*one*/) override { ++sent_count; }
  void OnClosed(ApiConnection* /*one*/) override { is_closed = true; }

  void Say(const std::string& text) const {
    ASSERT_EQ(send(client.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  std::string WaitFor(const std::string& end) {
    std::string text;
    RunUntil([&] {
      char buffer[65536];
      const ssize_t count = recv(client.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
      text.append(buffer, static_cast<size_t>(std::max<ssize_t>(count, 0)));
      return text.find(end) != std::string::npos;
    });
    return text;
  }

  OwnedFd client;
  std::unique_ptr<ApiConnection> connection;
  std::string answer = "{}";
  std::string last_body;
  int request_count = 0;
  int sent_count = 0;
  bool is_closed = false;
};

TEST_P(ApiConnectionTest, RequestMayComeByteByByte) {
  for (const char c : std::string("PUT /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")) {
    Say(std::string(1, c));
    RunFor(100);
  }
  WaitFor("{}");
  EXPECT_EQ(request_count, 1);
  EXPECT_EQ(last_body, "abc");
}

TEST_P(ApiConnectionTest, PipelinedRequestsAreAllAnswered) {
  std::string requests;
  for (int i = 0; i < 500; ++i) {
    requests += "GET /a HTTP/1.1\r\n\r\n";
  }
  Say(requests);
  size_t answer_count = 0;
  RunUntil([&] {
    char buffer[65536];
    const ssize_t count = recv(client.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    answer_count +=
        static_cast<size_t>(std::count(buffer, buffer + std::max<ssize_t>(count, 0), '{'));
    return answer_count == 500;
  });
  EXPECT_EQ(request_count, 500);
}

TEST_P(ApiConnectionTest, BodyTooLargeIsRefusedByItsLength) {
  Say("PUT /a HTTP/1.1\r\nContent-Length: 260\r\n\r\n");
  EXPECT_EQ(
      WaitFor("dropped.\" }"),
      "HTTP/1.1 400 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n"
      "Content-Type: application/json\r\nContent-Length: 145\r\n\r\n"
      "{ \"error\": \"Request payload with size 260 is larger than the limit of 250 allowed by "
      "server.\nAll previous unanswered requests will be dropped.\" }");
  // The client has not sent the body.
  Say("GET /a HTTP/1.1\r\n\r\n");
  EXPECT_THAT(WaitFor("{}"), StartsWith("HTTP/1.1 200 "));
}

TEST_P(ApiConnectionTest, RefusedBodyThatComesIsDropped) {
  Say("PUT /a HTTP/1.1\r\nContent-Length: 10000\r\n\r\n" + std::string(10000, 'x'));
  WaitFor("dropped.\" }");
  Say("GET /a HTTP/1.1\r\n\r\n");
  EXPECT_THAT(WaitFor("{}"), StartsWith("HTTP/1.1 200 "));
}

TEST_P(ApiConnectionTest, AnErrorLeavesTheConnectionOpen) {
  Say("BREW /coffee HTTP/1.1\r\n\r\n");
  EXPECT_THAT(WaitFor("dropped.\" }"),
              HasSubstr("{ \"error\": \"Invalid HTTP Method: Unsupported HTTP method.\n"));
  Say("GET /a HTTP/1.1\r\n\r\n");
  EXPECT_THAT(WaitFor("{}"), StartsWith("HTTP/1.1 200 "));
  EXPECT_FALSE(is_closed);
}

TEST_P(ApiConnectionTest, ContinueIsSaidBeforeTheBody) {
  Say("PUT /a HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(WaitFor("\r\n\r\n"), StartsWith("HTTP/1.1 100 \r\n"));
  EXPECT_EQ(request_count, 0);
  Say("ab");
  EXPECT_THAT(WaitFor("{}"), StartsWith("HTTP/1.1 200 "));
}

TEST_P(ApiConnectionTest, HalfClosedClientGetsItsAnswer) {
  Say("GET /a HTTP/1.1\r\n\r\n");
  ASSERT_EQ(shutdown(client.get(), SHUT_WR), 0);
  EXPECT_THAT(WaitFor("{}"), StartsWith("HTTP/1.1 200 "));
  RunUntil([&] { return is_closed; });
}

TEST_P(ApiConnectionTest, ClientThatDoesNotReadIsNotReadFrom) {
  answer = std::string(4 << 20, 'y');
  Say("GET /a HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\n\r\n");
  RunUntil([&] { return request_count == 1; });
  RunFor(10'000);
  EXPECT_EQ(request_count, 1);
  EXPECT_FALSE(connection->is_sent());
  size_t received = 0;
  RunUntil([&] {
    char buffer[65536];
    const ssize_t count = recv(client.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    received += static_cast<size_t>(std::max<ssize_t>(count, 0));
    return received > 2 * answer.size();
  });
  EXPECT_EQ(request_count, 2);
}

TEST_P(ApiConnectionTest, ClientThatIsGoneClosesTheConnection) {
  answer = std::string(4 << 20, 'y');
  Say("GET /a HTTP/1.1\r\n\r\n");
  RunUntil([&] { return request_count == 1; });
  client = OwnedFd();
  RunUntil([&] { return is_closed; });
}

TEST_P(ApiConnectionTest, IsIdleOnceItsRequestIsAnswered) {
  RunFor(1000);
  EXPECT_FALSE(connection->is_idle()) << "nothing has been answered yet";
  Say("GET /a HTTP/1.1\r\n\r\n");
  WaitFor("{}");
  EXPECT_TRUE(connection->is_idle());
  Say("GET");
  RunFor(5000);
  EXPECT_FALSE(connection->is_idle());
}

INSTANTIATE_TEST_SUITE_P(Setups, ApiConnectionTest,
                         testing::Values(Ring::Setup::kBest, Ring::Setup::kMinimal), SetupName);

}  // namespace
}  // namespace mayfly
