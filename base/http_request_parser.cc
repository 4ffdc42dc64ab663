// Bounds and checks lines, then has Boost.Beast parse them and the body.

#include "base/http_request_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <exception>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"

// Boost calls these where it would throw: only for bugs of ours, as its parser reports errors by
// value.
namespace boost {
void throw_exception(const std::exception& /*error*/) { MAYFLY_CHECK(false); }
void throw_exception(const std::exception& /*error*/, const source_location& /*location*/) {
  MAYFLY_CHECK(false);
}
}  // namespace boost

namespace mayfly {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using BeastView = boost::beast::string_view;

// What an idle parser may keep for the next header block.
constexpr size_t kKeptHeaderBytes = 2048;

// "0", and twice a line end: as much as follows wherever a chunked body is cut. Beast asserts that
// it sees the last chunk in a piece of at least this size.
constexpr size_t kLastChunkBytes = 5;

absl::string_view ViewOf(BeastView text) { return {text.data(), text.size()}; }

// The line of `header` (request line first) with that index, without its line end.
absl::string_view LineOf(absl::string_view header, size_t index) {
  for (; index > 0; --index) {
    header.remove_prefix(header.find("\r\n") + 2);
  }
  return header.substr(0, header.find("\r\n"));
}

}  // namespace

// Collects what Beast finds. Its own limit of bodies is off: it cannot say how large the body is.
class HttpRequestParser::Message final : public http::basic_parser<true> {
 public:
  explicit Message(const Options& options) : options_(options) {
    header_limit(static_cast<uint32_t>(options.header_max_bytes));
    body_limit(std::numeric_limits<uint64_t>::max());
  }

  // Gives how many bytes were taken; `error` is need_more when the rest is wanted again with more.
  size_t Put(absl::string_view bytes, error_code* error) {
    return put(boost::asio::const_buffer(bytes.data(), bytes.size()), *error);
  }

  HttpRequest& request() { return request_; }
  size_t field_count() const { return field_count_; }
  // Larger than the limit when the body was refused for that.
  uint64_t body_bytes() const { return body_bytes_; }
  bool is_too_large() const { return body_bytes_ > options_.body_max_bytes; }

 private:
  void on_request_impl(http::verb /*method*/, BeastView method, BeastView target, int /*version*/,
                       error_code& /*error*/) override {
    request_.method = HttpMethodOf(ViewOf(method));
    request_.method_name = std::string(method);
    request_.target = std::string(HttpPathOf(ViewOf(target)));
  }

  void on_response_impl(int /*status*/, BeastView /*reason*/, int /*version*/,
                        error_code& /*error*/) override {}

  void on_field_impl(http::field field, BeastView name, BeastView value,
                     error_code& error) override {
    if (is_trailer_) {
      return;
    }
    if (field == http::field::content_length) {
      uint32_t length_bytes = 0;
      if (has_length_ || !absl::SimpleAtoi(ViewOf(value), &length_bytes)) {
        error = http::error::bad_content_length;
        return;
      }
      has_length_ = true;
      body_bytes_ = length_bytes;
    }
    request_.headers.push_back({std::string(name), std::string(value)});
    request_.expects_continue |= field == http::field::expect && value == "100-continue";
    ++field_count_;
  }

  void on_header_impl(error_code& error) override {
    is_trailer_ = true;
    // Not before: Beast then takes every Content-Length to be larger.
    body_limit(boost::none);
    if (is_too_large()) {
      error = http::error::body_limit;
    }
  }

  void on_body_init_impl(const boost::optional<uint64_t>& /*length*/,
                         error_code& /*error*/) override {}

  size_t on_body_impl(BeastView body, error_code& /*error*/) override {
    request_.body.append(body.data(), body.size());
    return body.size();
  }

  void on_chunk_header_impl(uint64_t size_bytes, BeastView /*extensions*/,
                            error_code& error) override {
    if (__builtin_add_overflow(body_bytes_, size_bytes, &body_bytes_)) {
      body_bytes_ = std::numeric_limits<uint64_t>::max();
    }
    if (is_too_large()) {
      error = http::error::body_limit;
    }
  }

  size_t on_chunk_body_impl(uint64_t /*remaining*/, BeastView body, error_code& error) override {
    return on_body_impl(body, error);
  }

  void on_finish_impl(error_code& /*error*/) override {}

  const Options& options_;
  HttpRequest request_;
  size_t field_count_ = 0;
  bool has_length_ = false;
  bool is_trailer_ = false;
  uint64_t body_bytes_ = 0;
};

HttpRequestParser::HttpRequestParser(const Options& options) : options_(options) {}

HttpRequestParser::~HttpRequestParser() = default;

HttpRequestParser::Outcome HttpRequestParser::Parse(absl::string_view* input) {
  MAYFLY_CHECK(state_ != State::kComplete);
  if (state_ == State::kHeader) {
    ParseHeader(input);
    if (std::exchange(continue_is_due_, false)) {
      return Outcome::kExpectsContinue;
    }
  }
  if (state_ == State::kBody) {
    if (message_->chunked()) {
      ParseChunkedBody(input);
    } else {
      ParseSizedBody(input);
    }
  }
  switch (state_) {
    case State::kComplete:
      return Outcome::kComplete;
    case State::kFailed:
      return Outcome::kFailed;
    case State::kHeader:
    case State::kBody:
      break;
  }
  return Outcome::kNeedsMore;
}

HttpRequest HttpRequestParser::TakeRequest() {
  MAYFLY_CHECK(state_ == State::kComplete);
  HttpRequest request = std::move(message_->request());
  Reset();
  return request;
}

void HttpRequestParser::Reset() {
  state_ = State::kHeader;
  if (header_.capacity() > kKeptHeaderBytes) {
    std::string().swap(header_);
  }
  header_.clear();
  line_start_ = 0;
  header_count_ = 0;
  std::string().swap(chunk_header_);
  message_.reset();
  continue_is_due_ = false;
  error_ = absl::OkStatus();
  refused_body_bytes_ = 0;
}

size_t HttpRequestParser::memory_bytes() const {
  size_t sum = header_.capacity() + chunk_header_.capacity();
  if (message_ != nullptr) {
    const HttpRequest& request = message_->request();
    sum += sizeof(Message) + request.body.capacity() + request.target.capacity() +
           request.headers.capacity() * sizeof(HttpHeader);
    for (const HttpHeader& header : request.headers) {
      sum += header.name.capacity() + header.value.capacity();
    }
  }
  return sum;
}

void HttpRequestParser::Fail(absl::Status error) {
  error_ = std::move(error);
  state_ = State::kFailed;
}

void HttpRequestParser::ParseHeader(absl::string_view* input) {
  while (state_ == State::kHeader && !input->empty()) {
    const size_t line_bytes = header_.size() - line_start_;
    const size_t room_bytes =
        std::min(options_.line_max_bytes - line_bytes, options_.header_max_bytes - header_.size());
    const absl::string_view piece = input->substr(0, room_bytes);
    const absl::string_view taken =
        piece.substr(0, std::min(piece.find('\n'), piece.size() - 1) + 1);
    header_.append(taken.data(), taken.size());
    input->remove_prefix(taken.size());
    const absl::string_view line = absl::string_view(header_).substr(line_start_);
    if (absl::EndsWith(line, "\r\n")) {
      FinishLine();
    } else if (line.size() >= options_.line_max_bytes) {
      Fail(line_start_ == 0 ? InvalidHttpRequest() : HttpHeaderTooLong(line));
    }
    if (state_ == State::kHeader && header_.size() >= options_.header_max_bytes) {
      Fail(TooManyHttpHeaders());
    }
  }
}

void HttpRequestParser::FinishLine() {
  absl::string_view line = absl::string_view(header_).substr(line_start_);
  line.remove_suffix(2);
  absl::Status status;
  if (line_start_ == 0) {
    status = CheckHttpRequestLine(line, options_.unknown_methods);
  } else if (line.empty()) {
    FinishHeader();
    return;
  } else if (++header_count_ > options_.header_max_count) {
    status = TooManyHttpHeaders();
  } else {
    status = CheckHttpHeaderLine(line);
  }
  line_start_ = header_.size();
  if (!status.ok()) {
    Fail(std::move(status));
  }
}

void HttpRequestParser::FailWith(int beast_error) {
  const auto error = static_cast<http::error>(beast_error);
  if (error == http::error::body_limit) {
    Fail(HttpBodyTooLarge(message_->body_bytes(), options_.body_max_bytes));
  } else if (message_->is_header_done()) {
    Fail(InvalidHttpRequest());
  } else if (error == http::error::bad_method) {
    Fail(UnsupportedHttpMethod());
  } else {
    FailForHeader(beast_error);
  }
}

// What a header is to blame for is told with that header: the first that Beast did not take.
void HttpRequestParser::FailForHeader(int beast_error) {
  const absl::string_view line = LineOf(header_, message_->field_count() + 1);
  switch (static_cast<http::error>(beast_error)) {
    case http::error::bad_field:
      Fail(MalformedHttpHeader(line));
      break;
    case http::error::bad_value:
    case http::error::bad_content_length:
    case http::error::bad_transfer_encoding:
      Fail(InvalidHttpHeaderValue(line));
      break;
    default:
      Fail(InvalidHttpRequest());
  }
}

void HttpRequestParser::FinishHeader() {
  message_ = std::make_unique<Message>(options_);
  error_code error;
  message_->Put(header_, &error);
  if (error) {
    FailWith(error.value());
    if (message_->is_too_large() && !message_->request().expects_continue) {
      refused_body_bytes_ = message_->body_bytes();
    }
  } else if (!message_->is_header_done()) {
    Fail(InvalidHttpRequest());
  } else if (message_->is_done()) {
    state_ = State::kComplete;
  } else {
    state_ = State::kBody;
    continue_is_due_ = message_->request().expects_continue;
  }
}

void HttpRequestParser::ParseSizedBody(absl::string_view* input) {
  error_code error;
  input->remove_prefix(message_->Put(*input, &error));
  if (error && error != http::error::need_more) {
    FailWith(error.value());
  } else if (message_->is_done()) {
    state_ = State::kComplete;
  }
}

// Beast wants a size line, and the last one together with the trailers, in one piece. A begun one
// is kept in chunk_header_ and grows until Beast takes it. A piece is never longer than such a line
// may be, so that the limit does not depend on how the bytes came.
void HttpRequestParser::ParseChunkedBody(absl::string_view* input) {
  while (state_ == State::kBody && !input->empty()) {
    const size_t kept_bytes = chunk_header_.size();
    const absl::string_view added = input->substr(0, options_.header_max_bytes - kept_bytes);
    if (kept_bytes > 0) {
      chunk_header_.append(added.data(), added.size());
    }
    const size_t taken_bytes = ParseChunk(kept_bytes > 0 ? chunk_header_ : added);
    if (state_ == State::kFailed) {
      return;
    }
    if (taken_bytes > 0) {
      // What was not taken may be the next request's: it stays in `input`.
      chunk_header_.resize(kept_bytes);
      chunk_header_.erase(0, std::min(taken_bytes, kept_bytes));
      input->remove_prefix(taken_bytes - std::min(taken_bytes, kept_bytes));
      continue;
    }
    if (kept_bytes == 0) {
      chunk_header_.assign(added.data(), added.size());
    }
    input->remove_prefix(added.size());
    if (chunk_header_.size() >= options_.header_max_bytes) {
      Fail(TooManyHttpHeaders());
    }
  }
}

size_t HttpRequestParser::ParseChunk(absl::string_view bytes) {
  if (bytes.size() < kLastChunkBytes) {
    return 0;
  }
  error_code error;
  const size_t taken_bytes = message_->Put(bytes, &error);
  if (error && error != http::error::need_more) {
    FailWith(error.value());
  } else if (message_->is_done()) {
    state_ = State::kComplete;
  }
  return taken_bytes;
}

}  // namespace mayfly
