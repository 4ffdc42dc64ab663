// Gives any body to each route of the API and to the reader of configuration files.
//
// The first byte picks the route, the second what follows in the path; the rest is the body.

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/config_file.h"
#include "api/cpu_config.h"
#include "api/json_decoder.h"
#include "api/request_router.h"
#include "base/check.h"

namespace mayfly {
namespace {

constexpr absl::string_view kRests[] = {"",     "/a", "/config", "/memory",     "/create",
                                        "/a-b", "/",  "/load",   "/working-set"};

void TryRoute(const std::vector<RouteName>& routes, const std::string& text) {
  const RouteName& route = routes[static_cast<uint8_t>(text[0]) % routes.size()];
  const absl::string_view rest = kRests[static_cast<uint8_t>(text[1]) % std::size(kRests)];
  HttpRequest request = {.method = route.method,
                         .method_name = "METHOD",
                         .target = absl::StrCat("/", route.token, rest),
                         .body = text.substr(2)};
  RequestCounters counters;
  const auto routed = RouteRequest(request, counters);
  if (!routed.ok()) {
    MAYFLY_CHECK(!routed.status().message().empty());
    return;
  }
  // What was taken has a phase, and a template that was taken may still be no template.
  (void)PhaseOf(routed->request);
  if (const auto* cpu = std::get_if<PutCpuConfig>(&routed->request)) {
    (void)CpuTemplateOf(cpu->config);
  }
  (void)ConfiguresBoot(routed->request);
  if (const auto* load = std::get_if<LoadSnapshot>(&routed->request)) {
    MAYFLY_CHECK(load->request.mem_backend.has_value());
    MAYFLY_CHECK(load->request.mmds_text.empty() || CheckJson(load->request.mmds_text).ok());
  }
}

}  // namespace
}  // namespace mayfly

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<mayfly::RouteName> kRoutes = mayfly::AllRoutes();
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (text.size() >= 2) {
    mayfly::TryRoute(kRoutes, text);
  }
  // A path in it would be opened.
  if (text.find("cpu-config") == std::string::npos) {
    (void)mayfly::ParseConfigFile(text);
  }
  return 0;
}
