// MmdsService: what the metadata service answers to a guest's HTTP requests.

#ifndef MAYFLY_DEVICES_MMDS_MMDS_SERVICE_H_
#define MAYFLY_DEVICES_MMDS_MMDS_SERVICE_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "base/http_request.h"
#include "base/http_response.h"
#include "devices/mmds/mmds_config.h"
#include "devices/mmds/mmds_metrics.h"
#include "devices/mmds/mmds_store.h"
#include "devices/mmds/request_server.h"
#include "devices/mmds/token_authority.h"

namespace mayfly {

// GET reads the store, PUT /latest/api/token gives a session token out. Texts, statuses and header
// names are those of Firecracker's service. Owned by Mmds; loop thread only.
class MmdsService : public RequestServer {
 public:
  // What it works on; outlives it, and may change between requests.
  struct Parts {
    const MmdsConfig* config = nullptr;
    const MmdsStore* store = nullptr;
    TokenAuthority* tokens = nullptr;
    MmdsMetrics* metrics = nullptr;
  };

  explicit MmdsService(const Parts& parts) : parts_(parts) {}

  // The request of one connection, out of the bytes that came. After one that cannot be parsed, or
  // that says so, the connection ends.
  Answer Serve(absl::string_view guest_bytes, Room room) override;

  // Times are of MonotonicTimeUs().
  HttpResponse Respond(const HttpRequest& guest_request, int64_t now_us) const;

 private:
  HttpResponse RespondToGet(const HttpRequest& guest_request, int64_t now_us) const;
  HttpResponse RespondToPut(const HttpRequest& guest_request, int64_t now_us) const;
  HttpResponse Read(const HttpRequest& guest_request) const;

  const Parts parts_;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_MMDS_MMDS_SERVICE_H_
