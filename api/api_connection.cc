// Bytes in, requests out; responses in, bytes out.

#include "api/api_connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "base/clock.h"

namespace mayfly {
namespace {

// An output buffer that was made for a large answer is not kept.
constexpr size_t kKeptOutputBytes = 4096;

// A client that was told that its body is too large may not have sent it.
bool IsRequestStart(absl::string_view bytes) {
  return absl::StartsWith(bytes, "GET /") || absl::StartsWith(bytes, "PUT /") ||
         absl::StartsWith(bytes, "PATCH /") || absl::StartsWith(bytes, "DELETE /");
}

}  // namespace

ApiConnection::ApiConnection(EventLoop* loop, OwnedFd fd, size_t payload_max_bytes,
                             ApiConnectionEvents* events)
    : fd_(std::move(fd)),
      events_(events),
      parser_({.body_max_bytes = payload_max_bytes}),
      io_(loop) {
  Receive();
}

void ApiConnection::Proceed() {
  if (is_closed_ || has_request_ || is_receiving_ || !output_.empty()) {
    return;
  }
  // Saying something may show that the client is gone.
  while (!is_closed_ && !unparsed_.empty() && ParseInput()) {
  }
  // A request may have been answered, and its answer sent, within the loop.
  if (has_request_ || is_receiving_ || !output_.empty() || is_closed_) {
    return;
  }
  if (is_at_end_) {
    Close();
  } else {
    Receive();
  }
}

void ApiConnection::Receive() {
  is_receiving_ = true;
  io_.Receive(fd_.get(), input_, [this](int32_t result) { OnReceived(result); });
}

void ApiConnection::OnReceived(int32_t result) {
  is_receiving_ = false;
  // What came although it was to be read no more is not wanted.
  if (is_at_end_) {
    Close();
    return;
  }
  if (result == -EINTR || result == -EAGAIN) {
    Receive();
    return;
  }
  if (result < 0) {
    Close();
    return;
  }
  is_at_end_ = result == 0;
  unparsed_ = {reinterpret_cast<const char*>(input_.data()), static_cast<size_t>(result)};
  Proceed();
}

bool ApiConnection::ParseInput() {
  if (discard_bytes_ > 0 && std::exchange(may_skip_body_, false) && IsRequestStart(unparsed_)) {
    discard_bytes_ = 0;
  }
  const uint64_t discarded = std::min<uint64_t>(discard_bytes_, unparsed_.size());
  unparsed_.remove_prefix(discarded);
  discard_bytes_ -= discarded;
  if (unparsed_.empty()) {
    return false;
  }
  switch (parser_.Parse(&unparsed_)) {
    case HttpRequestParser::Outcome::kNeedsMore:
      return true;
    case HttpRequestParser::Outcome::kExpectsContinue:
      Say({.status = 100});
      return output_.empty();
    case HttpRequestParser::Outcome::kComplete:
      has_request_ = true;
      events_->OnRequest(this);
      return false;
    case HttpRequestParser::Outcome::kFailed:
      Refuse();
      return output_.empty();
  }
  return false;
}

// The connection stays, as Firecracker's does.
void ApiConnection::Refuse() {
  discard_bytes_ = parser_.refused_body_bytes();
  may_skip_body_ = true;
  if (discard_bytes_ == 0) {
    // Nobody knows where the next request would begin.
    unparsed_ = {};
  }
  const HttpResponse response = HttpParseErrorResponse(parser_.error().message());
  parser_.Reset();
  Say(response);
}

void ApiConnection::Respond(const HttpResponse& response) {
  has_request_ = false;
  answered_us_ = MonotonicTimeUs();
  Say(response);
  Proceed();
}

void ApiConnection::Say(const HttpResponse& response) {
  AppendHttpResponse(response, &output_);
  if (!is_sending_) {
    SendOutput();
  }
}

// Most answers fit the socket's buffer: no need to go through the ring and wait a turn.
void ApiConnection::SendOutput() {
  const ssize_t sent = send(fd_.get(), output_.data() + sent_bytes_, output_.size() - sent_bytes_,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    Close();
    return;
  }
  sent_bytes_ += static_cast<size_t>(std::max<ssize_t>(sent, 0));
  if (sent_bytes_ < output_.size()) {
    is_sending_ = true;
    const absl::string_view rest = absl::string_view(output_).substr(sent_bytes_);
    io_.Send(fd_.get(), {reinterpret_cast<const uint8_t*>(rest.data()), rest.size()},
             [this](int32_t result) { OnOutput(result); });
    return;
  }
  sent_bytes_ = 0;
  output_.clear();
  if (output_.capacity() > kKeptOutputBytes) {
    output_.shrink_to_fit();
  }
  events_->OnSent(this);
}

void ApiConnection::OnOutput(int32_t result) {
  is_sending_ = false;
  if (result < 0 && result != -EAGAIN && result != -EINTR) {
    Close();
    return;
  }
  sent_bytes_ += static_cast<size_t>(std::max(result, 0));
  SendOutput();
  Proceed();
}

void ApiConnection::StopReading() {
  is_at_end_ = true;
  unparsed_ = {};
  if (is_receiving_) {
    io_.Cancel([] {});
  }
}

void ApiConnection::Close() {
  if (!is_closed_) {
    is_closed_ = true;
    output_.clear();
    events_->OnClosed(this);
  }
}

}  // namespace mayfly
