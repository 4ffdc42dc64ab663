// Requests in, responses out.

#include "api/api_handler.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "api/quoted_text.h"
#include "api/request_router.h"
#include "base/clock.h"
#include "base/log.h"
#include "nlohmann/json.hpp"

namespace mayfly {
namespace {

absl::string_view MethodWord(HttpMethod method) {
  switch (method) {
    case HttpMethod::kGet:
      return "Get";
    case HttpMethod::kPut:
      return "Put";
    case HttpMethod::kPatch:
      return "Patch";
    case HttpMethod::kDelete:
      return "Delete";
    case HttpMethod::kOther:
      break;
  }
  return "Unknown";
}

// nlohmann's writer is strict about what it writes.
bool IsUtf8(const std::string& text) {
  using Json = nlohmann::json;
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::ignore) ==
         Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::string_view FirstPathToken(absl::string_view path) {
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  return path.substr(0, path.find('/'));
}

std::string DeprecationWarning(const HttpRequest& request) {
  if (FirstPathToken(request.target) == "mmds") {
    return "PUT /mmds/config: V1 is deprecated. Use V2 instead.";
  }
  return absl::StrCat(request.method_name, " /machine-config: cpu_template field is deprecated.");
}

// Metadata is the guest's business and may be secret: it is never logged. CPU templates are long.
bool IsBodyLogged(const HttpRequest& request) {
  if (request.body.empty() || FirstPathToken(request.target) == "mmds") {
    return false;
  }
  return request.target != "/cpu-config" || IsLogged(LogLevel::kDebug);
}

std::string LoggedBody(const std::string& body) {
  return QuotedText(IsUtf8(body) ? body : "inconvertible to UTF-8");
}

void LogRequest(const HttpRequest& request) {
  if (!IsLogged(LogLevel::kInfo)) {
    return;
  }
  const std::string body =
      IsBodyLogged(request) ? absl::StrCat(" with body ", LoggedBody(request.body)) : "";
  MAYFLY_LOG(Info, "The API server received a ", MethodWord(request.method), " request on ",
             QuotedText(request.target), body, ".");
}

absl::string_view StatusWords(int status) {
  switch (status) {
    case 200:
      return "200 OK";
    case 204:
      return "204 No Content";
    case 413:
      return "413 Payload too large";
    default:
      return "400 Bad Request";
  }
}

// A request whose duration is told, and where it is kept.
struct TimedRequest {
  absl::string_view name;
  uint64_t MonitorMetrics::Latencies::*latency;
};

std::optional<TimedRequest> FindTimed(const ApiRequest& request) {
  using Latencies = MonitorMetrics::Latencies;
  if (const auto* vm = std::get_if<PatchVmState>(&request)) {
    return vm->state == VmRunState::kPaused ? TimedRequest{"pause vm", &Latencies::pause_vm}
                                            : TimedRequest{"resume vm", &Latencies::resume_vm};
  }
  if (const auto* create = std::get_if<CreateSnapshot>(&request)) {
    return create->request.kind == SnapshotKind::kFull
               ? TimedRequest{"create full snapshot", &Latencies::full_create_snapshot}
               : TimedRequest{"create diff snapshot", &Latencies::diff_create_snapshot};
  }
  if (std::holds_alternative<LoadSnapshot>(request)) {
    return TimedRequest{"load snapshot", &Latencies::load_snapshot};
  }
  return std::nullopt;
}

}  // namespace

std::string FaultBody(absl::string_view text) {
  nlohmann::ordered_json json;
  json["fault_message"] = std::string(text);
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void ApiHandler::HandleRequest(HttpRequest request,
                               absl::AnyInvocable<void(HttpResponse)> respond) {
  const int64_t start_us = MonotonicTimeUs();
  LogRequest(request);
  absl::StatusOr<RoutedRequest> routed = RouteRequest(request, metrics_->requests);
  if (!routed.ok()) {
    respond(Answer(routed.status(), false, start_us));
    return;
  }
  const bool is_deprecated = routed->is_deprecated;
  if (is_deprecated) {
    MAYFLY_LOG(Warn, DeprecationWarning(request));
  }
  const std::optional<TimedRequest> timed = FindTimed(routed->request);
  controller_->Execute(
      std::move(routed->request),
      [this, is_deprecated, timed, start_us,
       respond = std::move(respond)](const absl::StatusOr<ApiReply>& reply) mutable {
        if (timed && reply.ok()) {
          const int64_t duration_us = MonotonicTimeUs() - start_us;
          metrics_->latencies_us.*timed->latency = static_cast<uint64_t>(duration_us);
          MAYFLY_LOG(Info, "'", timed->name, "' API request took ", duration_us, " us.");
        }
        respond(Answer(reply, is_deprecated, start_us));
      });
}

HttpResponse ApiHandler::Answer(const absl::StatusOr<ApiReply>& reply, bool is_deprecated,
                                int64_t start_us) {
  HttpResponse response = {.is_deprecated = is_deprecated};
  if (reply.ok()) {
    response.status = reply->body.empty() ? 204 : 200;
    response.body = reply->body;
    response.content_type = reply->content_type;
    MAYFLY_LOG(Info,
               "The request was executed successfully. Status code: ", StatusWords(response.status),
               ".");
  } else {
    response.status = absl::IsResourceExhausted(reply.status()) ? 413 : 400;
    response.body = FaultBody(reply.status().message());
    MAYFLY_LOG(Error, "Received Error. Status code: ", StatusWords(response.status),
               ". Message: ", reply.status().message());
  }
  MAYFLY_LOG(Debug, "Total previous API call duration: ", MonotonicTimeUs() - start_us, " us.");
  return response;
}

}  // namespace mayfly
