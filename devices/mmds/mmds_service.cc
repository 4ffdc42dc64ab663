// The texts and statuses of the metadata service.

#include "devices/mmds/mmds_service.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/http_lines.h"
#include "base/http_request_parser.h"
#include "devices/mmds/tcp_connection.h"

namespace mayfly {
namespace {

constexpr absl::string_view kTokenPath = "/latest/api/token";
constexpr absl::string_view kForwardedFor = "X-Forwarded-For";
constexpr absl::string_view kPlainText = "text/plain";
constexpr absl::string_view kJson = "application/json";
// The first that a client sends counts.
constexpr absl::string_view kTokenHeaders[] = {"X-metadata-token", "X-aws-ec2-metadata-token"};
constexpr absl::string_view kLifetimeHeaders[] = {"X-metadata-token-ttl-seconds",
                                                  "X-aws-ec2-metadata-token-ttl-seconds"};

constexpr absl::string_view kNoToken =
    "No MMDS token provided. Use `X-metadata-token` or `X-aws-ec2-metadata-token` header to "
    "specify the session token.";
constexpr absl::string_view kInvalidToken = "MMDS token not valid.";
constexpr absl::string_view kNoLifetime =
    "Token time to live value not found. Use `X-metadata-token-ttl-seconds` or "
    "`X-aws-ec2-metadata-token-ttl-seconds` header to specify the token's lifetime.";

struct NamedValue {
  absl::string_view name;
  absl::string_view value;
};

template <size_t kCount>
std::optional<NamedValue> FindHeader(const HttpRequest& request,
                                     const absl::string_view (&names)[kCount]) {
  for (const absl::string_view name : names) {
    if (const std::optional<absl::string_view> value = request.FindHeader(name)) {
      return NamedValue{.name = name, .value = *value};
    }
  }
  return std::nullopt;
}

HttpResponse Text(int status, absl::string_view text) {
  return {.status = status, .body = std::string(text), .content_type = std::string(kPlainText)};
}

HttpResponse NotFound(absl::string_view target) {
  return Text(404, absl::StrCat("Resource not found: ", target, "."));
}

// Slashes that follow one another count as one.
std::string PathOf(absl::string_view target) {
  std::string path(target);
  path.erase(
      std::unique(path.begin(), path.end(), [](char a, char b) { return a == '/' && b == '/'; }),
      path.end());
  return path;
}

// Of the two types there are, the one named first; text where neither is.
bool PrefersJson(const HttpRequest& request) {
  for (const absl::string_view range :
       absl::StrSplit(request.FindHeader("Accept").value_or(""), ',')) {
    const absl::string_view type = absl::StripAsciiWhitespace(range.substr(0, range.find(';')));
    if (absl::EqualsIgnoreCase(type, kJson)) {
      return true;
    }
    if (absl::EqualsIgnoreCase(type, kPlainText)) {
      return false;
    }
  }
  return false;
}

bool WantsToClose(const HttpRequest& request) {
  return absl::EqualsIgnoreCase(request.FindHeader("Connection").value_or(""), "close");
}

std::string Bytes(HttpResponse response) {
  // Without it a client that keeps the connection would wait for more.
  if (response.body.empty()) {
    response.extra_headers.emplace_back("Content-Type", response.content_type);
    response.extra_headers.emplace_back("Content-Length", "0");
  }
  std::string bytes;
  AppendHttpResponse(response, &bytes);
  return bytes;
}

}  // namespace

RequestServer::Answer MmdsService::Serve(absl::string_view guest_bytes, Room room) {
  // Parsed from the start each time: a request has to fit the receive buffer.
  HttpRequestParser parser({.body_max_bytes = TcpConnection::kReceiveBufferBytes,
                            .unknown_methods = HttpUnknownMethods::kAccept});
  absl::string_view rest = guest_bytes;
  HttpRequestParser::Outcome outcome = HttpRequestParser::Outcome::kNeedsMore;
  do {
    outcome = parser.Parse(&rest);
  } while (outcome == HttpRequestParser::Outcome::kExpectsContinue);
  switch (outcome) {
    case HttpRequestParser::Outcome::kComplete: {
      const HttpRequest request = parser.TakeRequest();
      return {.consumed_bytes = guest_bytes.size() - rest.size(),
              .bytes = Bytes(Respond(request, MonotonicTimeUs())),
              .closes = WantsToClose(request)};
    }
    case HttpRequestParser::Outcome::kFailed:
      return {.consumed_bytes = guest_bytes.size(),
              .bytes = Bytes(Text(400, parser.error().message())),
              .closes = true};
    case HttpRequestParser::Outcome::kNeedsMore:
    case HttpRequestParser::Outcome::kExpectsContinue:
      break;
  }
  if (room == Room::kMoreMayCome) {
    return {};
  }
  return {.consumed_bytes = guest_bytes.size(),
          .bytes = Bytes(Text(400, InvalidHttpRequest().message())),
          .closes = true};
}

HttpResponse MmdsService::Respond(const HttpRequest& guest_request, int64_t now_us) const {
  if (guest_request.target.empty()) {
    return Text(400, "Invalid URI.");
  }
  switch (guest_request.method) {
    case HttpMethod::kGet:
      return RespondToGet(guest_request, now_us);
    case HttpMethod::kPut:
      return RespondToPut(guest_request, now_us);
    case HttpMethod::kPatch:
    case HttpMethod::kDelete:
    case HttpMethod::kOther:
      break;
  }
  HttpResponse response = Text(405, "Not allowed HTTP method.");
  response.allow = "GET, PUT";
  return response;
}

HttpResponse MmdsService::RespondToGet(const HttpRequest& guest_request, int64_t now_us) const {
  const bool needs_token = parts_.config->version == MmdsConfig::Version::kV2;
  const std::optional<NamedValue> token = FindHeader(guest_request, kTokenHeaders);
  if (!token.has_value()) {
    ++parts_.metrics->rx_no_token;
    return needs_token ? Text(401, kNoToken) : Read(guest_request);
  }
  if (!parts_.tokens->IsValid(token->value, now_us)) {
    ++parts_.metrics->rx_invalid_token;
    return needs_token ? Text(401, kInvalidToken) : Read(guest_request);
  }
  return Read(guest_request);
}

HttpResponse MmdsService::RespondToPut(const HttpRequest& guest_request, int64_t now_us) const {
  // A token must not be had through a proxy that somebody left open.
  if (guest_request.FindHeader(kForwardedFor).has_value()) {
    return Text(
        400, absl::StrCat("Invalid header. Reason: Unsupported header name. Key: ", kForwardedFor));
  }
  if (PathOf(guest_request.target) != kTokenPath) {
    return NotFound(guest_request.target);
  }
  const std::optional<NamedValue> lifetime = FindHeader(guest_request, kLifetimeHeaders);
  if (!lifetime.has_value()) {
    return Text(400, kNoLifetime);
  }
  uint32_t lifetime_seconds = 0;
  if (!absl::SimpleAtoi(lifetime->value, &lifetime_seconds)) {
    return Text(
        400, InvalidHttpHeaderValue(absl::StrCat(lifetime->name, ":", lifetime->value)).message());
  }
  const absl::StatusOr<std::string> token = parts_.tokens->Issue(lifetime_seconds, now_us);
  if (!token.ok()) {
    return Text(400, token.status().message());
  }
  HttpResponse response = Text(200, *token);
  // As the EC2 service does; its clients renew tokens by it.
  response.extra_headers.emplace_back(lifetime->name, absl::StrCat(lifetime_seconds));
  return response;
}

HttpResponse MmdsService::Read(const HttpRequest& guest_request) const {
  const bool is_json = !parts_.config->is_imds_compatible && PrefersJson(guest_request);
  absl::StatusOr<std::string> value = parts_.store->Lookup(
      PathOf(guest_request.target), is_json ? MmdsStore::Format::kJson : MmdsStore::Format::kImds);
  if (value.ok()) {
    return {.status = 200,
            .body = *std::move(value),
            .content_type = std::string(is_json ? kJson : kPlainText)};
  }
  return absl::IsNotFound(value.status()) ? NotFound(guest_request.target)
                                          : Text(501, value.status().message());
}

}  // namespace mayfly
