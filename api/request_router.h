// RequestRouter: turns a client's HTTP request into an ApiRequest, by a table of routes.

#ifndef MAYFLY_API_REQUEST_ROUTER_H_
#define MAYFLY_API_REQUEST_ROUTER_H_

#include <span>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/api_request.h"
#include "api/request_counters.h"
#include "base/http_request.h"

namespace mayfly {

struct RoutedRequest {
  ApiRequest request;
  // It used a field or a version that Firecracker has deprecated.
  bool is_deprecated = false;
};

// Finds the route by method and first part of the path, which is what Firecracker does: what
// follows is ignored where a route has no use for it. Counts the request in `counters`.
// InvalidArgument with the fault message for the client: there is no route, a body is missing or
// not wanted, or the body does not decode.
absl::StatusOr<RoutedRequest> RouteRequest(const HttpRequest& request, RequestCounters& counters);

// The same for a body of a configuration file, given as a route's first part ("drives").
struct RouteName {
  HttpMethod method = HttpMethod::kGet;
  absl::string_view token;
};
// All routes, for tests and fuzz targets.
std::vector<RouteName> AllRoutes();

}  // namespace mayfly

#endif  // MAYFLY_API_REQUEST_ROUTER_H_
