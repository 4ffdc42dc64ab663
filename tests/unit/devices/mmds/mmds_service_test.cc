// MmdsService: every text, status and header for a guest, in both versions.

#include "devices/mmds/mmds_service.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::StartsWith;

using Headers = std::vector<HttpHeader>;

constexpr int64_t kNowUs = 1'000'000;
constexpr char kNoToken[] =
    "No MMDS token provided. Use `X-metadata-token` or `X-aws-ec2-metadata-token` header to "
    "specify the session token.";
constexpr char kNoLifetime[] =
    "Token time to live value not found. Use `X-metadata-token-ttl-seconds` or "
    "`X-aws-ec2-metadata-token-ttl-seconds` header to specify the token's lifetime.";

class MmdsServiceTest : public testing::Test {
 protected:
  MmdsServiceTest() : tokens(*TokenAuthority::Create("vm")) {
    EXPECT_TRUE(store
                    .PutText(R"({"latest": {"meta-data": {"ami-id": "ami-1", "b": {}},
                                            "user-data": 1522850095}, "age": 43, "empty": ""})")
                    .ok());
  }

  HttpResponse Send(HttpMethod method, absl::string_view target, Headers headers = {}) {
    return service.Respond(
        {.method = method, .target = std::string(target), .headers = std::move(headers)}, kNowUs);
  }
  HttpResponse Get(absl::string_view target, Headers headers = {}) {
    return Send(HttpMethod::kGet, target, std::move(headers));
  }
  HttpResponse Put(absl::string_view target, Headers headers = {}) {
    return Send(HttpMethod::kPut, target, std::move(headers));
  }
  static void Expect(const HttpResponse& response, int status, absl::string_view body,
                     absl::string_view type = "text/plain") {
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.body, body);
    EXPECT_EQ(response.content_type, type);
  }
  std::string Token() { return *tokens.Issue(60, kNowUs); }
  void UseV2() { config.version = MmdsConfig::Version::kV2; }

  MmdsConfig config;
  MmdsStore store;
  TokenAuthority tokens;
  MmdsMetrics metrics;
  MmdsService service{{.config = &config, .store = &store, .tokens = &tokens, .metrics = &metrics}};
};

TEST_F(MmdsServiceTest, V1ReadsWithoutATokenAndCounts) {
  Expect(Get("/latest/meta-data/ami-id"), 200, "ami-1");
  EXPECT_EQ(metrics.rx_no_token, 1u);
  Expect(Get("/latest/meta-data/ami-id", {{"X-metadata-token", "wrong"}}), 200, "ami-1");
  EXPECT_EQ(metrics.rx_invalid_token, 1u);
  Expect(Get("/latest/meta-data/ami-id", {{"X-metadata-token", Token()}}), 200, "ami-1");
  EXPECT_EQ(metrics.rx_no_token, 1u);
  EXPECT_EQ(metrics.rx_invalid_token, 1u);
}

TEST_F(MmdsServiceTest, V2NeedsAToken) {
  UseV2();
  Expect(Get("/latest/meta-data/ami-id"), 401, kNoToken);
  EXPECT_EQ(metrics.rx_no_token, 1u);
  Expect(Get("/latest/meta-data/ami-id", {{"X-metadata-token", "wrong"}}), 401,
         "MMDS token not valid.");
  Expect(Get("/latest/meta-data/ami-id", {{"X-metadata-token", std::string(71, 'A')}}), 401,
         "MMDS token not valid.");
  EXPECT_EQ(metrics.rx_invalid_token, 2u);
  for (const char* name : {"X-metadata-token", "x-METADATA-token", "X-aws-ec2-metadata-token"}) {
    Expect(Get("/latest/meta-data/ami-id", {{name, Token()}}), 200, "ami-1");
  }
  // Before anything else about the request.
  Expect(Get("/nowhere"), 401, kNoToken);
}

TEST_F(MmdsServiceTest, ATokenEnds) {
  UseV2();
  const HttpRequest request{.target = "/", .headers = {{"X-metadata-token", Token()}}};
  EXPECT_EQ(service.Respond(request, kNowUs + 59'999'999).status, 200);
  EXPECT_EQ(service.Respond(request, kNowUs + 60'000'000).status, 401);
}

TEST_F(MmdsServiceTest, GivesTokensOutInBothVersions) {
  for (const auto version : {MmdsConfig::Version::kV1, MmdsConfig::Version::kV2}) {
    config.version = version;
    for (const char* name :
         {"X-metadata-token-ttl-seconds", "X-aws-ec2-metadata-token-ttl-seconds"}) {
      for (const char* path : {"/latest/api/token", "//latest///api/token"}) {
        const HttpResponse response = Put(path, {{name, "60"}});
        Expect(response, 200, response.body);
        EXPECT_THAT(response.extra_headers, ElementsAre(Pair(name, "60")));
        EXPECT_TRUE(tokens.IsValid(response.body, kNowUs + 59'000'000));
        EXPECT_FALSE(tokens.IsValid(response.body, kNowUs + 60'000'000));
      }
    }
  }
}

TEST_F(MmdsServiceTest, RefusesWrongLifetimes) {
  Expect(Put("/latest/api/token"), 400, kNoLifetime);
  for (const char* value : {"0", "21601", "4294967295"}) {
    Expect(Put("/latest/api/token", {{"X-metadata-token-ttl-seconds", value}}), 400,
           absl::StrCat("Invalid time to live value provided for token: ", value,
                        ". Please provide a value between 1 and 21600."));
  }
  for (const char* value : {"", "a", "-1", "1.5", "60s", "4294967296"}) {
    Expect(Put("/latest/api/token", {{"X-metadata-token-ttl-seconds", value}}), 400,
           absl::StrCat("Invalid header. Reason: Invalid value. Key:X-metadata-token-ttl-seconds; "
                        "Value:",
                        value));
  }
}

TEST_F(MmdsServiceTest, PutIsForTokensOnly) {
  const HttpHeader lifetime{"X-metadata-token-ttl-seconds", "60"};
  Expect(Put("/latest/api/toke", {lifetime}), 404, "Resource not found: /latest/api/toke.");
  Expect(Put("/latest/api/token/", {lifetime}), 404, "Resource not found: /latest/api/token/.");
  Expect(Put("/latest//meta-data", {lifetime}), 404, "Resource not found: /latest//meta-data.");
  for (const char* name : {"X-Forwarded-For", "x-forwarded-for"}) {
    Expect(Put("/latest/api/token", {lifetime, {name, "1.2.3.4"}}), 400,
           "Invalid header. Reason: Unsupported header name. Key: X-Forwarded-For");
  }
  // Of a GET it is nobody's business.
  EXPECT_EQ(Get("/", {{"X-Forwarded-For", "1.2.3.4"}}).status, 200);
}

TEST_F(MmdsServiceTest, OtherMethodsAreNotAllowed) {
  for (const auto method : {HttpMethod::kPatch, HttpMethod::kDelete, HttpMethod::kOther}) {
    const HttpResponse response = Send(method, "/");
    Expect(response, 405, "Not allowed HTTP method.");
    EXPECT_EQ(response.allow, "GET, PUT");
  }
}

TEST_F(MmdsServiceTest, AnswersAsTheClientAccepts) {
  const std::string json = R"({"ami-id":"ami-1","b":{}})";
  const std::string text = "ami-id\nb/";
  for (const char* accept : {"application/json", "Application/JSON", "application/json;q=0.9",
                             "*/*, application/json", "application/json, text/plain"}) {
    Expect(Get("/latest/meta-data", {{"Accept", accept}}), 200, json, "application/json");
  }
  for (const char* accept : {"*/*", "text/plain", "", "text/html", "application/jsonx",
                             "text/plain, application/json", ",,;"}) {
    Expect(Get("/latest/meta-data", {{"Accept", accept}}), 200, text);
  }
  Expect(Get("//latest/meta-data//"), 200, text);
  config.is_imds_compatible = true;
  Expect(Get("/latest/meta-data", {{"Accept", "application/json"}}), 200, text);
}

TEST_F(MmdsServiceTest, SaysWhatItCannotRead) {
  Expect(Get("/latest/nowhere"), 404, "Resource not found: /latest/nowhere.");
  Expect(Get("//latest//nowhere/"), 404, "Resource not found: //latest//nowhere/.");
  Expect(Get("/age?x=1"), 404, "Resource not found: /age?x=1.");
  Expect(Get("/age"), 501, "Cannot retrieve value. The value has an unsupported type.");
  Expect(Get("/age", {{"Accept", "application/json"}}), 200, "43", "application/json");
  Expect(Get(""), 400, "Invalid URI.");
}

class MmdsServiceBytesTest : public MmdsServiceTest {
 protected:
  RequestServer::Answer Serve(absl::string_view bytes,
                              RequestServer::Room room = RequestServer::Room::kMoreMayCome) {
    return service.Serve(bytes, room);
  }
};

TEST_F(MmdsServiceBytesTest, AnswersOneRequestAfterTheOther) {
  const std::string first = "GET /latest/meta-data/ami-id HTTP/1.1\r\nHost: x\r\n\r\n";
  const auto answer = Serve(first + "GET /b HTTP");
  EXPECT_EQ(answer.consumed_bytes, first.size());
  EXPECT_EQ(answer.bytes,
            "HTTP/1.1 200 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n"
            "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nami-1");
  EXPECT_FALSE(answer.closes);
}

TEST_F(MmdsServiceBytesTest, TakesAWholeUriAndABody) {
  const std::string put =
      "PUT http:"
      "//169.254.169.254/latest/api/token HTTP/1.1\r\nX-metadata-token-ttl-seconds: 9\r\n"
      "Content-Length: 3\r\n\r\nabc";
  for (size_t i = 1; i < put.size(); ++i) {
    EXPECT_EQ(Serve(put.substr(0, i)).consumed_bytes, 0u) << i;
  }
  const auto answer = Serve(put + "x");
  EXPECT_EQ(answer.consumed_bytes, put.size());
  EXPECT_THAT(answer.bytes, HasSubstr("\r\nX-metadata-token-ttl-seconds: 9\r\n"));
}

TEST_F(MmdsServiceBytesTest, AnEmptyAnswerSaysSo) {
  for (const char* path : {"/empty", "/latest/meta-data/b"}) {
    const auto answer = Serve(absl::StrCat("GET ", path, " HTTP/1.1\r\n\r\n"));
    EXPECT_THAT(answer.bytes, StartsWith("HTTP/1.1 200 \r\n"));
    EXPECT_THAT(answer.bytes, HasSubstr("\r\nContent-Length: 0\r\n"));
    EXPECT_TRUE(absl::EndsWith(answer.bytes, "\r\n\r\n"));
  }
}

TEST_F(MmdsServiceBytesTest, ClosesWhenTheClientWants) {
  EXPECT_TRUE(Serve("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").closes);
  EXPECT_TRUE(Serve("GET / HTTP/1.0\r\nconnection: Close\r\n\r\n").closes);
  EXPECT_FALSE(Serve("GET / HTTP/1.1\r\nConnection: keep-alive\r\n\r\n").closes);
}

TEST_F(MmdsServiceBytesTest, MethodsNobodyKnowsAreNotAllowed) {
  const auto answer = Serve("POST / HTTP/1.1\r\n\r\n");
  EXPECT_THAT(answer.bytes, StartsWith("HTTP/1.1 405 \r\n"));
  EXPECT_THAT(answer.bytes, HasSubstr("\r\nAllow: GET, PUT\r\n"));
  EXPECT_FALSE(answer.closes);
}

// After this nobody knows where the next request would begin.
TEST_F(MmdsServiceBytesTest, WhatIsNoRequestEndsTheConnection) {
  for (const char* bytes :
       {"\r\n\r\n", "GET\r\n", "GET / HTTP/2.0\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 9999\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"}) {
    const auto answer = Serve(bytes);
    EXPECT_EQ(answer.consumed_bytes, absl::string_view(bytes).size()) << bytes;
    EXPECT_THAT(answer.bytes, StartsWith("HTTP/1.1 400 \r\n")) << bytes;
    EXPECT_TRUE(answer.closes) << bytes;
  }
}

TEST_F(MmdsServiceBytesTest, ARequestThatDoesNotFitIsRefused) {
  const std::string bytes = absl::StrCat("GET / HTTP/1.1\r\nA: ", std::string(900, 'a'));
  EXPECT_EQ(Serve(bytes).consumed_bytes, 0u);
  const auto answer = Serve(bytes, RequestServer::Room::kNoMore);
  EXPECT_EQ(answer.consumed_bytes, bytes.size());
  EXPECT_THAT(answer.bytes, HasSubstr("Invalid request."));
  EXPECT_TRUE(answer.closes);
}

}  // namespace
}  // namespace mayfly
