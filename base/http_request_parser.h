// HttpRequestParser: requests of HTTP/1.0 and HTTP/1.1 out of a stream of bytes.

#ifndef MAYFLY_BASE_HTTP_REQUEST_PARSER_H_
#define MAYFLY_BASE_HTTP_REQUEST_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/http_lines.h"
#include "base/http_request.h"

namespace mayfly {

// One for each stream, a member of what reads it; not thread-safe. Boost.Beast parses; in front of
// it stand the limits and error texts of Firecracker's server (base/http_lines.h).
//
//   while (!bytes.empty()) {
//     switch (parser.Parse(&bytes)) {
//       case HttpRequestParser::Outcome::kComplete: Handle(parser.TakeRequest()); break;
//       case HttpRequestParser::Outcome::kFailed: Refuse(parser.error()); parser.Reset(); ...
//
// Bytes may come in any pieces; the requests and errors are the same. Where Firecracker's server is
// less strict: a header block has bounds, obsolete line folding is refused, a Content-Length comes
// once, as decimal digits, and not together with Transfer-Encoding. Where it is less able: chunked
// bodies are put together, within the limit for all bodies; their trailers are dropped. Other
// transfer encodings are ignored, as is every value of Expect but 100-continue.
//
// Holds at most a header block (as bytes and as strings) and twice the largest body, and no more
// than twice what has come, whatever length the client announces.
class HttpRequestParser {
 public:
  struct Options {
    size_t body_max_bytes = 51200;
    // Of the request line or a header, with its line end.
    size_t line_max_bytes = 1024;
    // Of all lines together up to the empty one. Also of a chunk's size line, and of the trailers.
    size_t header_max_bytes = 16384;
    size_t header_max_count = 128;
    HttpUnknownMethods unknown_methods = HttpUnknownMethods::kRefuse;
  };

  enum class Outcome {
    kNeedsMore,        // all bytes are taken, and the request goes on
    kExpectsContinue,  // the client waits for a response of status 100; parse on
    kComplete,         // TakeRequest()
    kFailed,           // error(), then Reset()
  };

  explicit HttpRequestParser(const Options& options);
  HttpRequestParser(const HttpRequestParser&) = delete;
  HttpRequestParser& operator=(const HttpRequestParser&) = delete;
  ~HttpRequestParser();

  // Takes bytes off the front of `input`, at most those of one request. Not called between
  // kComplete and TakeRequest; fails on until Reset.
  Outcome Parse(absl::string_view* input);

  // The complete request. What is parsed next is another.
  HttpRequest TakeRequest();

  // After kFailed: InvalidArgument, with the reason for HttpParseErrorResponse as its message.
  const absl::Status& error() const { return error_; }
  // After kFailed because of a Content-Length above the limit: that length. The body follows the
  // bytes that were taken, unless the client waits for a response of status 100, which it did not
  // get. 0 after all other errors: then nobody knows where the next request would begin.
  uint64_t refused_body_bytes() const { return refused_body_bytes_; }

  // Forgets the request that was begun, or the error.
  void Reset();

  // Whether nothing of a request has come.
  bool is_idle() const { return state_ == State::kHeader && header_.empty(); }
  // The heap it holds, for tests.
  size_t memory_bytes() const;

 private:
  enum class State { kHeader, kBody, kComplete, kFailed };
  // Beast's parser of the one request.
  class Message;

  // Each goes as far as `input` lets it, and leaves state_ for what comes next.
  void ParseHeader(absl::string_view* input);
  void FinishLine();
  void FinishHeader();
  void ParseSizedBody(absl::string_view* input);
  void ParseChunkedBody(absl::string_view* input);
  // The next size line or data of a chunked body: gives how much was taken, 0 for more wanted.
  size_t ParseChunk(absl::string_view bytes);
  void Fail(absl::Status error);
  void FailWith(int beast_error);
  void FailForHeader(int beast_error);

  const Options options_;
  State state_ = State::kHeader;
  // The request line and the headers so far; the line that has not ended begins at line_start_.
  std::string header_;
  size_t line_start_ = 0;
  size_t header_count_ = 0;
  // The begun size line or trailer of a chunked body.
  std::string chunk_header_;
  // From the end of the headers on.
  std::unique_ptr<Message> message_;
  bool continue_is_due_ = false;
  absl::Status error_;
  uint64_t refused_body_bytes_ = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_HTTP_REQUEST_PARSER_H_
