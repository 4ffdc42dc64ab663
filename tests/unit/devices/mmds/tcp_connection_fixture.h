// TcpConnectionTest: a test with one connection and the guest that opened it.

#ifndef MAYFLY_TESTS_UNIT_DEVICES_MMDS_TCP_CONNECTION_FIXTURE_H_
#define MAYFLY_TESTS_UNIT_DEVICES_MMDS_TCP_CONNECTION_FIXTURE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "devices/mmds/tcp_connection.h"
#include "devices/mmds/tcp_segment.h"
#include "gtest/gtest.h"

namespace mayfly {

// A guest that sends what a test says, with the numbers that a correct one would use. Both sides'
// sequence numbers wrap early.
class TcpConnectionTest : public testing::Test {
 protected:
  static constexpr uint32_t kGuestStart = 0xfffffff0;
  static constexpr uint32_t kOurStart = 0xffffff00;

  void Open(uint16_t mss = 1000, uint16_t window = 4000) {
    guest_window = window;
    connection.emplace(
        TcpSegment{.sequence = kGuestStart, .flags = kTcpSyn, .window = window, .mss = mss},
        kOurStart, now_us);
    next_sent = kGuestStart + 1;
    next_expected = kOurStart + 1;
  }
  void Establish(uint16_t mss = 1000, uint16_t window = 4000) {
    Open(mss, window);
    EXPECT_EQ(Next().flags, kTcpSyn | kTcpAck);
    Give(kTcpAck);
    EXPECT_FALSE(connection->HasSegment());
  }

  TcpSegment Segment(uint8_t flags, absl::string_view text = "") {
    // Characters may be looked at as bytes.
    return {.sequence = next_sent,
            .acknowledgment = next_expected,
            .flags = flags,
            .window = guest_window,
            .payload = {reinterpret_cast<const uint8_t*>(text.data()), text.size()}};
  }
  void Give(const TcpSegment& segment) { connection->Receive(segment, now_us); }
  // In its turn.
  void Give(uint8_t flags, absl::string_view text = "") {
    const TcpSegment segment = Segment(flags, text);
    Give(segment);
    next_sent += segment.length();
  }

  TcpSegment Next() {
    EXPECT_TRUE(connection->HasSegment());
    const TcpSegment segment = connection->NextSegment(now_us);
    EXPECT_EQ(segment.acknowledgment, next_sent);
    return segment;
  }
  static std::string Text(const TcpSegment& segment) {
    return {segment.payload.begin(), segment.payload.end()};
  }
  // The next segment, which is to come next and is acknowledged once a test sends anything.
  std::string TakeText() {
    const TcpSegment segment = Next();
    EXPECT_EQ(segment.sequence, next_expected);
    next_expected += segment.length();
    return Text(segment);
  }
  void ExpectAck() {
    const TcpSegment segment = Next();
    EXPECT_EQ(segment.flags, kTcpAck);
    EXPECT_EQ(segment.length(), 0u);
    EXPECT_FALSE(connection->HasSegment());
  }
  void Wait(int64_t us) {
    now_us += us;
    connection->OnTime(now_us);
  }

  int64_t now_us = 1'000'000;
  std::optional<TcpConnection> connection;
  uint32_t next_sent = 0;
  uint32_t next_expected = 0;
  uint16_t guest_window = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_UNIT_DEVICES_MMDS_TCP_CONNECTION_FIXTURE_H_
