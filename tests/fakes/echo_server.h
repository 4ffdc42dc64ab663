// EchoServer: answers lines instead of requests.

#ifndef MAYFLY_TESTS_FAKES_ECHO_SERVER_H_
#define MAYFLY_TESTS_FAKES_ECHO_SERVER_H_

#include <cstdint>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "devices/mmds/request_server.h"

namespace mayfly {

// A request is a line. "big N" is answered with N bytes, "bye" with the end of the connection, any
// other line with itself in brackets.
class EchoServer : public RequestServer {
 public:
  Answer Serve(absl::string_view guest_bytes, Room room) override {
    last_room = room;
    const size_t end = guest_bytes.find('\n');
    if (end == absl::string_view::npos) {
      return {};
    }
    ++request_count;
    const absl::string_view line = guest_bytes.substr(0, end);
    uint32_t size_bytes = 0;
    if (line.substr(0, 4) == "big " && absl::SimpleAtoi(line.substr(4), &size_bytes)) {
      return {.consumed_bytes = end + 1, .bytes = Big(size_bytes)};
    }
    return {
        .consumed_bytes = end + 1, .bytes = absl::StrCat("<", line, ">"), .closes = line == "bye"};
  }

  static std::string Big(size_t size_bytes) {
    std::string bytes(size_bytes, ' ');
    for (size_t i = 0; i < size_bytes; ++i) {
      bytes[i] = static_cast<char>('!' + i * 31 % 90);
    }
    return bytes;
  }

  int request_count = 0;
  Room last_room = Room::kMoreMayCome;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_ECHO_SERVER_H_
