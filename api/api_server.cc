// Accepts clients and lets them take turns.

#include "api/api_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"

namespace mayfly {
namespace {

constexpr int kBacklog = 1024;
// Requests handled before everything else on the loop has its turn.
constexpr int kTurnRequests = 8;
// After an error that says nothing of the next try, such as too many open files.
constexpr int64_t kAcceptRetryUs = 100'000;
// How long a client too many may take to begin its request, and how many may be waited for.
constexpr int64_t kVisitUs = 100'000;
constexpr size_t kMaxVisitors = 4;
// An answered client that was heard from within this time is not idle: of a flood of clients at
// once no more than the limit are served.
constexpr int64_t kIdleUs = 5'000;

absl::StatusOr<OwnedFd> Listen(const std::string& path) {
  sockaddr_un address = {.sun_family = AF_UNIX};
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("a socket's path has 1 to ",
                                                   sizeof(address.sun_path) - 1,
                                                   " bytes, this one has ", path.size()));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) {
    return ErrnoError("socket");
  }
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoError(absl::StrCat("bind ", path));
  }
  if (listen(fd.get(), kBacklog) != 0) {
    return ErrnoError(absl::StrCat("listen ", path));
  }
  return fd;
}

// What the client has sent is read first: a socket that is closed with unread bytes makes its peer
// lose what was sent to it.
void TurnAway(const OwnedFd& fd) {
  std::array<char, 4096> ignored;
  (void)recv(fd.get(), ignored.data(), ignored.size(), MSG_DONTWAIT);
  const absl::string_view response = TooManyConnectionsResponse();
  (void)send(fd.get(), response.data(), response.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Create(EventLoop* loop, Options options,
                                                             HttpHandler* handler) {
  ASSIGN_OR_RETURN(OwnedFd fd, Listen(options.socket_path));
  std::unique_ptr<ApiServer> server(
      new ApiServer(loop, std::move(fd), std::move(options), handler));
  server->Accept();
  return server;
}

ApiServer::ApiServer(EventLoop* loop, OwnedFd fd, Options options, HttpHandler* handler)
    : loop_(loop),
      fd_(std::move(fd)),
      options_(std::move(options)),
      handler_(handler),
      handle_timer_(loop, [this] { HandleWaiting(); }),
      accept_timer_(loop, [this] { Accept(); }),
      removal_timer_(loop, [this] { RemoveClosed(); }),
      flush_timer_(loop,
                   [this] {
                     if (flushed_) {
                       std::exchange(flushed_, nullptr)();
                     }
                   }),
      io_(loop) {}

void ApiServer::Accept() {
  io_.Accept(fd_.get(), [this](int32_t result) { OnAccepted(result); });
}

void ApiServer::OnAccepted(int32_t result) {
  OwnedFd fd(result);
  if (is_flushing_ || result == -ECANCELED) {
    return;
  }
  if (fd.is_open()) {
    Admit(std::move(fd));
    Accept();
  } else if (result == -EINTR || result == -ECONNABORTED || result == -EAGAIN) {
    Accept();
  } else {
    MAYFLY_LOG_LIMITED(Error, ErrnoError("accept", -result).message());
    accept_timer_.Set(MonotonicTimeUs() + kAcceptRetryUs);
  }
}

void ApiServer::Admit(OwnedFd fd) {
  RemoveClosed();
  if (connections_.size() >= options_.max_connections) {
    Hold(std::move(fd));
    return;
  }
  connections_.push_back(
      std::make_unique<ApiConnection>(loop_, std::move(fd), options_.payload_max_bytes, this));
}

void ApiServer::Hold(OwnedFd fd) {
  const bool has_answered_client =
      std::any_of(connections_.begin(), connections_.end(),
                  [](const auto& connection) { return connection->is_idle(); });
  if (!has_answered_client || visitors_.size() >= kMaxVisitors) {
    TurnAway(fd);
    return;
  }
  visitors_.push_back(std::make_unique<Visitor>(loop_, std::move(fd), this));
  Visitor* visitor = visitors_.back().get();
  visitor->timeout.Set(MonotonicTimeUs() + kVisitUs);
  visitor->io.Poll(visitor->fd.get(), POLLIN, [this, visitor](int32_t /*result*/) {
    Decide(visitor, Visitor::Purpose::kRequest);
  });
}

void ApiServer::Decide(Visitor* visitor, Visitor::Purpose purpose) {
  OwnedFd fd = std::move(visitor->fd);
  ApiConnection* idle = FindIdle();
  const bool is_welcome = purpose == Visitor::Purpose::kRequest && idle != nullptr;
  std::erase_if(visitors_, [&](const auto& one) { return one.get() == visitor; });
  if (is_welcome) {
    std::erase_if(connections_, [&](const auto& one) { return one.get() == idle; });
  }
  if (is_welcome || connections_.size() < options_.max_connections) {
    connections_.push_back(
        std::make_unique<ApiConnection>(loop_, std::move(fd), options_.payload_max_bytes, this));
  } else {
    TurnAway(fd);
  }
}

ApiConnection* ApiServer::FindIdle() const {
  const int64_t now_us = MonotonicTimeUs();
  ApiConnection* oldest = nullptr;
  for (const auto& connection : connections_) {
    if (connection->is_idle() && connection->answered_us() + kIdleUs <= now_us &&
        (oldest == nullptr || connection->answered_us() < oldest->answered_us())) {
      oldest = connection.get();
    }
  }
  return oldest;
}

void ApiServer::OnRequest(ApiConnection* connection) {
  waiting_.push_back(connection);
  if (!is_handling_ && !handle_timer_.is_set()) {
    HandleWaiting();
  }
}

void ApiServer::OnSent(ApiConnection* /*connection*/) { CheckFlushed(); }

void ApiServer::OnClosed(ApiConnection* connection) {
  std::erase(waiting_, connection);
  closed_.push_back(connection);
  removal_timer_.Set(MonotonicTimeUs());
}

void ApiServer::RemoveClosed() {
  for (ApiConnection* connection : std::exchange(closed_, {})) {
    if (connection == handled_) {
      closed_.push_back(connection);
      continue;
    }
    std::erase_if(connections_, [&](const auto& one) { return one.get() == connection; });
  }
  CheckFlushed();
}

void ApiServer::HandleWaiting() {
  is_handling_ = true;
  for (int i = 0; i < kTurnRequests && handled_ == nullptr && !waiting_.empty(); ++i) {
    ApiConnection* connection = waiting_.front();
    waiting_.pop_front();
    handled_ = connection;
    handler_->HandleRequest(
        connection->TakeRequest(),
        [this, connection](const HttpResponse& response) { Answer(connection, response); });
  }
  is_handling_ = false;
  if (handled_ == nullptr && !waiting_.empty()) {
    handle_timer_.Set(MonotonicTimeUs());
  }
}

void ApiServer::Answer(ApiConnection* connection, const HttpResponse& response) {
  handled_ = nullptr;
  connection->Respond(response);
  if (!is_handling_ && !waiting_.empty() && !handle_timer_.is_set()) {
    handle_timer_.Set(MonotonicTimeUs());
  }
}

void ApiServer::Flush(int64_t deadline_us, absl::AnyInvocable<void()> done) {
  is_flushing_ = true;
  flushed_ = std::move(done);
  visitors_.clear();
  io_.Cancel([] {});
  accept_timer_.Cancel();
  waiting_.clear();
  for (const auto& connection : connections_) {
    connection->StopReading();
  }
  flush_timer_.Set(deadline_us);
  CheckFlushed();
}

void ApiServer::CheckFlushed() {
  const bool is_flushed =
      handled_ == nullptr && std::all_of(connections_.begin(), connections_.end(),
                                         [](const auto& one) { return one->is_sent(); });
  if (flushed_ && is_flushed) {
    flush_timer_.Set(MonotonicTimeUs());
  }
}

}  // namespace mayfly
