// ApiConnection: one client of the API socket.

#ifndef MAYFLY_API_API_CONNECTION_H_
#define MAYFLY_API_API_CONNECTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "base/event_loop.h"
#include "base/http_request.h"
#include "base/http_request_parser.h"
#include "base/http_response.h"
#include "base/operation_group.h"
#include "base/owned_fd.h"

namespace mayfly {

class ApiConnection;

// What a connection tells its server; the server may destroy the connection only later than in
// these calls.
class ApiConnectionEvents {
 public:
  virtual ~ApiConnectionEvents() = default;

  // TakeRequest has one.
  virtual void OnRequest(ApiConnection* connection) = 0;
  // All answers are sent.
  virtual void OnSent(ApiConnection* connection) = 0;
  // The client is gone, or nothing more can be said to it.
  virtual void OnClosed(ApiConnection* connection) = 0;
};

// Owned by ApiServer; loop thread only. Holds one buffer of input, one request and its answer:
// while a request waits or an answer is not taken, nothing more is read.
class ApiConnection {
 public:
  // `loop` and `events` outlive it. Begins to read.
  ApiConnection(EventLoop* loop, OwnedFd fd, size_t payload_max_bytes, ApiConnectionEvents* events);
  ApiConnection(const ApiConnection&) = delete;
  ApiConnection& operator=(const ApiConnection&) = delete;

  // After OnRequest, once.
  HttpRequest TakeRequest() { return parser_.TakeRequest(); }
  // After TakeRequest, once.
  void Respond(const HttpResponse& response);

  // No more is read.
  void StopReading();
  // All that was to be said is sent.
  bool is_sent() const { return output_.empty(); }
  // Its client has been answered and has begun nothing new.
  bool is_idle() const {
    return answered_us_ != 0 && !is_closed_ && !has_request_ && output_.empty() &&
           unparsed_.empty() && parser_.is_idle();
  }
  // MonotonicTimeUs() of the last answer; 0 before the first.
  int64_t answered_us() const { return answered_us_; }

 private:
  static constexpr size_t kInputBytes = 4096;

  // Reads, parses or ends, whichever is next.
  void Proceed();
  void Receive();
  void OnReceived(int32_t result);
  // False when there is no more to parse now.
  bool ParseInput();
  void Refuse();
  void Say(const HttpResponse& response);
  void SendOutput();
  void OnOutput(int32_t result);
  void Close();

  const OwnedFd fd_;
  ApiConnectionEvents* const events_;
  HttpRequestParser parser_;
  std::array<uint8_t, kInputBytes> input_{};
  // What of it is not parsed.
  absl::string_view unparsed_;
  // Of a body that was refused, bytes to come.
  uint64_t discard_bytes_ = 0;
  // None of them has come yet.
  bool may_skip_body_ = false;
  std::string output_;
  // Of output_, what is sent.
  size_t sent_bytes_ = 0;
  bool is_receiving_ = false;
  bool is_sending_ = false;
  bool has_request_ = false;
  int64_t answered_us_ = 0;
  // The client sends no more.
  bool is_at_end_ = false;
  bool is_closed_ = false;
  // Last: ends what uses the buffers.
  OperationGroup io_;
};

}  // namespace mayfly

#endif  // MAYFLY_API_API_CONNECTION_H_
