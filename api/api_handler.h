// ApiHandler: answers the clients of the API socket.

#ifndef MAYFLY_API_API_HANDLER_H_
#define MAYFLY_API_API_HANDLER_H_

#include <cstdint>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "api/api_server.h"
#include "api/monitor_metrics.h"
#include "api/vm_controller.h"
#include "base/http_request.h"
#include "base/http_response.h"

namespace mayfly {

// Between HTTP and the controller: routes a request, has it carried out, logs both as Firecracker's
// users know it, and makes the response. Owned by the program; loop thread.
class ApiHandler : public HttpHandler {
 public:
  // Both outlive it.
  ApiHandler(VmController* controller, MonitorMetrics* metrics)
      : controller_(controller), metrics_(metrics) {}

  void HandleRequest(HttpRequest request, absl::AnyInvocable<void(HttpResponse)> respond) override;

 private:
  HttpResponse Answer(const absl::StatusOr<ApiReply>& reply, bool is_deprecated, int64_t start_us);

  VmController* const controller_;
  MonitorMetrics* const metrics_;
};

// {"fault_message":"text"}.
std::string FaultBody(absl::string_view text);

}  // namespace mayfly

#endif  // MAYFLY_API_API_HANDLER_H_
