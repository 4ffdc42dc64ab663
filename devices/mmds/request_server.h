// RequestServer: what answers the requests that a TCP connection brings.

#ifndef MAYFLY_DEVICES_MMDS_REQUEST_SERVER_H_
#define MAYFLY_DEVICES_MMDS_REQUEST_SERVER_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace mayfly {

// Keeps nothing of a connection: a request that is not complete is shown again, and longer, when
// more has come. Loop thread only; outlives the connections.
class RequestServer {
 public:
  // Whether the connection has room for more of an incomplete request.
  enum class Room { kMoreMayCome, kNoMore };

  struct Answer {
    // Of the request, from the front; 0 asks for more, and then nothing is sent.
    size_t consumed_bytes = 0;
    // May be empty.
    std::string bytes;
    // The connection ends after this answer.
    bool closes = false;
  };

  virtual ~RequestServer() = default;

  // `guest_bytes` is what has come and was not consumed, not empty. With kNoMore an answer that
  // consumes nothing resets the connection.
  virtual Answer Serve(absl::string_view guest_bytes, Room room) = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_MMDS_REQUEST_SERVER_H_
