// ApiServer: HTTP on a Unix socket, on the event loop.

#ifndef MAYFLY_API_API_SERVER_H_
#define MAYFLY_API_API_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "api/api_connection.h"
#include "base/event_loop.h"
#include "base/http_request.h"
#include "base/http_response.h"
#include "base/operation_group.h"
#include "base/owned_fd.h"
#include "base/timer.h"

namespace mayfly {

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;

  // Answers by calling `respond` once, inside this call or later, on the loop.
  virtual void HandleRequest(HttpRequest request,
                             absl::AnyInvocable<void(HttpResponse)> respond) = 0;
};

// Owned by the program; loop thread only. Requests of all clients are handled one at a time, those
// of each client in their order; clients take turns. One client more than max_connections is turned
// away, but if it comes with a request it takes the place of the one that has been idle longest
// since its last answer: HTTP libraries keep connections that they have no use for. A client that
// is slow, floods or is gone costs the others nothing, and the monitor no more memory than a
// connection's.
class ApiServer : public ApiConnectionEvents {
 public:
  struct Options {
    std::string socket_path;
    size_t payload_max_bytes = 51200;
    size_t max_connections = 10;
  };

  // Binds and listens; the socket's file must not exist, and stays behind. `loop` and `handler`
  // outlive the server. Errors: InvalidArgument for a path that is empty or too long for a socket;
  // else "bind PATH: reason", with the errno.
  static absl::StatusOr<std::unique_ptr<ApiServer>> Create(EventLoop* loop, Options options,
                                                           HttpHandler* handler);
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;
  // Drops all connections. An answer that is not given yet must not be given any more.
  ~ApiServer() override = default;

  // Takes no more requests; runs `done` on the loop, not inside this call, once all answers are
  // sent, at `deadline_us` of MonotonicTimeUs() at the latest.
  void Flush(int64_t deadline_us, absl::AnyInvocable<void()> done);

  size_t connection_count() const { return connections_.size(); }

 private:
  // A client too many, of which is not known yet what it wants.
  struct Visitor {
    enum class Purpose { kRequest, kUnknown };

    Visitor(EventLoop* loop, OwnedFd visitor_fd, ApiServer* server)
        : fd(std::move(visitor_fd)),
          timeout(loop, [this, server] { server->Decide(this, Purpose::kUnknown); }),
          io(loop) {}

    OwnedFd fd;
    Timer timeout;
    OperationGroup io;
  };

  ApiServer(EventLoop* loop, OwnedFd fd, Options options, HttpHandler* handler);

  // ApiConnectionEvents.
  void OnRequest(ApiConnection* connection) override;
  void OnSent(ApiConnection* connection) override;
  void OnClosed(ApiConnection* connection) override;

  void Accept();
  void OnAccepted(int32_t result);
  void Admit(OwnedFd fd);
  // One client too many: turned away, unless it says something soon and there is an idle one.
  void Hold(OwnedFd fd);
  void Decide(Visitor* visitor, Visitor::Purpose purpose);
  // The client that has been idle longest; null when every one is about something.
  ApiConnection* FindIdle() const;
  // Handles what waits, a few at a time.
  void HandleWaiting();
  void Answer(ApiConnection* connection, const HttpResponse& response);
  void RemoveClosed();
  void CheckFlushed();

  EventLoop* const loop_;
  const OwnedFd fd_;
  const Options options_;
  HttpHandler* const handler_;
  std::vector<std::unique_ptr<ApiConnection>> connections_;
  std::vector<std::unique_ptr<Visitor>> visitors_;
  // Closed, and to be destroyed where none of their functions runs.
  std::vector<ApiConnection*> closed_;
  // Those with a request, in the order they take turns.
  std::deque<ApiConnection*> waiting_;
  // Its request is being handled.
  ApiConnection* handled_ = nullptr;
  bool is_handling_ = false;
  bool is_flushing_ = false;
  absl::AnyInvocable<void()> flushed_;
  Timer handle_timer_;
  Timer accept_timer_;
  Timer removal_timer_;
  Timer flush_timer_;
  OperationGroup io_;
};

}  // namespace mayfly

#endif  // MAYFLY_API_API_SERVER_H_
