// The log's line format, byte for byte.

#include "base/log_line.h"

#include <array>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

constexpr LocalTime kTime = {
    .year = 2026, .month = 3, .day = 9, .hour = 4, .minute = 5, .second = 6, .nanosecond = 78};

std::string Format(const LogLineHead& head) {
  std::array<char, 256> storage;
  TextBuffer buffer(storage);
  AppendLogHead(head, &buffer);
  return std::string(buffer.text());
}

TEST(LogLineTest, ShowsTimeIdAndThread) {
  EXPECT_EQ(Format({.time = kTime, .instance_id = "vm-1", .thread = "fc_vcpu 0"}),
            "2026-03-09T04:05:06.000000078 [vm-1:fc_vcpu 0] ");
}

TEST(LogLineTest, ShowsLevelAndOriginWhereWanted) {
  LogLineHead head = {.time = kTime, .instance_id = "a", .thread = "t", .level = "WARN"};
  EXPECT_EQ(Format(head), "2026-03-09T04:05:06.000000078 [a:t:WARN] ");
  head.file = "api/foo.cc";
  head.line = 12;
  EXPECT_EQ(Format(head), "2026-03-09T04:05:06.000000078 [a:t:WARN:api/foo.cc:12] ");
  head.level = "";
  EXPECT_EQ(Format(head), "2026-03-09T04:05:06.000000078 [a:t:api/foo.cc:12] ");
}

TEST(LogLineTest, EscapesWhatWouldStartALineOrDriveATerminal) {
  EXPECT_EQ(EscapeLogText("a\nb\r\n\tc"), "a\\nb\\r\\n\\tc");
  EXPECT_EQ(EscapeLogText(absl::string_view("\0\x1b[31m\x7f", 7)), "\\x00\\x1b[31m\\x7f");
  EXPECT_EQ(EscapeLogText("\xc2\x9b"
                          "31m \xc2\x80"),
            "\\u009b31m \\u0080");
}

TEST(LogLineTest, LeavesEverythingElse) {
  const absl::string_view text = R"(body "{ \"a\": 1 }" f\n \xc3)";
  EXPECT_EQ(EscapeLogText(text), text);
  EXPECT_EQ(EscapeLogText("M\xc3\xbc"
                          "cke \xc2\xa0 \xe2\x82\xac \xc2"),
            "M\xc3\xbc"
            "cke \xc2\xa0 \xe2\x82\xac \xc2");
  EXPECT_EQ(EscapeLogText(""), "");
}

}  // namespace
}  // namespace mayfly
