// TcpConnection: what it sends: segments, windows, loss.

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/devices/mmds/tcp_connection_fixture.h"

namespace mayfly {
namespace {

TEST_F(TcpConnectionTest, SendsInSegmentsOfTheGuestsSize) {
  Establish(1000, 4000);
  std::string text;
  for (int i = 0; i < 2500; ++i) {
    text += static_cast<char>('a' + i % 26);
  }
  connection->Send(text, now_us);
  EXPECT_FALSE(connection->CanSend());
  EXPECT_EQ(TakeText(), text.substr(0, 1000));
  EXPECT_EQ(TakeText(), text.substr(1000, 1000));
  const TcpSegment last = Next();
  EXPECT_EQ(Text(last), text.substr(2000));
  EXPECT_TRUE(last.Has(kTcpPsh));
  EXPECT_FALSE(connection->HasSegment());
  next_expected += 500;
  Give(kTcpAck);
  EXPECT_TRUE(connection->CanSend());
  connection->Send("more", now_us);
  EXPECT_EQ(TakeText(), "more");
}

TEST_F(TcpConnectionTest, SegmentSizesAreBounded) {
  for (const auto& [mss, expected] : std::vector<std::pair<uint16_t, size_t>>{
           {0, 536}, {1, 100}, {99, 100}, {100, 100}, {1460, 1460}, {1461, 1460}, {0xffff, 1460}}) {
    Establish(mss, 0xffff);
    connection->Send(std::string(5000, 'x'), now_us);
    EXPECT_EQ(TakeText().size(), expected) << mss;
  }
}

TEST_F(TcpConnectionTest, KeepsToTheGuestsWindow) {
  Establish(1000, 2500);
  connection->Send(std::string(5000, 'x'), now_us);
  TakeText();
  TakeText();
  // The 500 bytes that are left of the window wait for more.
  EXPECT_FALSE(connection->HasSegment());
  guest_window = 300;
  Give(kTcpAck);
  EXPECT_EQ(TakeText().size(), 300u);
  EXPECT_FALSE(connection->HasSegment());
  guest_window = 10000;
  Give(kTcpAck);
  EXPECT_EQ(TakeText().size(), 1000u);
}

TEST_F(TcpConnectionTest, AnOldSegmentDoesNotChangeTheWindow) {
  Establish(1000, 1000);
  TcpSegment old = Segment(kTcpAck, "a");
  old.window = 0;
  Give(kTcpAck, "a");
  guest_window = 1000;
  Give(kTcpAck, "b");
  Give(old);
  connection->Send("x", now_us);
  EXPECT_EQ(TakeText(), "x");
}

TEST_F(TcpConnectionTest, ProbesAClosedWindowEverMoreRarely) {
  Establish(1000, 0);
  connection->Send("answer", now_us);
  EXPECT_FALSE(connection->HasSegment());
  int64_t pause_us = TcpConnection::kRetransmitUs;
  for (int i = 0; i < 40; ++i) {
    Wait(pause_us - 1);
    EXPECT_FALSE(connection->HasSegment());
    Wait(1);
    const TcpSegment probe = Next();
    // What the guest has acknowledged already, so that it answers.
    EXPECT_EQ(probe.sequence, next_expected - 1);
    EXPECT_EQ(probe.length(), 0u);
    Give(kTcpAck);
    EXPECT_FALSE(connection->is_given_up());
    pause_us = std::min(pause_us * 2, TcpConnection::kRetransmitUs * 32);
  }
  // Nothing of this kept it in use.
  EXPECT_EQ(connection->progressed_at_us(), 1'000'000);
  guest_window = 1000;
  Give(kTcpAck);
  EXPECT_EQ(TakeText(), "answer");
  // The clock is that of the segment again.
  EXPECT_EQ(connection->deadline_us(), now_us + TcpConnection::kRetransmitUs);
  Wait(TcpConnection::kRetransmitUs);
  EXPECT_FALSE(connection->is_given_up());
  EXPECT_EQ(Text(Next()), "answer");
}

TEST_F(TcpConnectionTest, AWindowThatClosesOverWhatIsInFlightIsProbed) {
  Establish(1000, 4000);
  connection->Send(std::string(1500, 'x'), now_us);
  Next();
  Next();
  guest_window = 0;
  Give(kTcpAck);
  Wait(TcpConnection::kRetransmitUs);
  EXPECT_EQ(Next().sequence, next_expected - 1);
  guest_window = 4000;
  Give(kTcpAck);
  EXPECT_EQ(TakeText().size(), 1000u);
  EXPECT_EQ(TakeText().size(), 500u);
  Give(kTcpAck);
  EXPECT_TRUE(connection->CanSend());
}

TEST_F(TcpConnectionTest, SendsAgainWhatIsNotAcknowledgedInTime) {
  Establish();
  connection->Send(std::string(2500, 'x'), now_us);
  Next();
  Next();
  Next();
  // The first arrived.
  next_expected += 1000;
  Give(kTcpAck);
  Wait(TcpConnection::kRetransmitUs);
  EXPECT_EQ(TakeText().size(), 1000u);
  EXPECT_EQ(TakeText().size(), 500u);
  EXPECT_FALSE(connection->HasSegment());
  Give(kTcpAck);
  EXPECT_TRUE(connection->CanSend());
  EXPECT_FALSE(connection->deadline_us().has_value());
}

TEST_F(TcpConnectionTest, AnAcknowledgmentOfTheFirstSendingCountsAfterATimeout) {
  Establish();
  connection->Send(std::string(2500, 'x'), now_us);
  TakeText();
  TakeText();
  TakeText();
  Wait(TcpConnection::kRetransmitUs);
  EXPECT_TRUE(connection->HasSegment());
  Give(kTcpAck);
  EXPECT_FALSE(connection->HasSegment());
  EXPECT_TRUE(connection->CanSend());
}

TEST_F(TcpConnectionTest, GivesUpAGuestThatAcknowledgesNothing) {
  Establish();
  connection->Send("answer", now_us);
  Next();
  for (int i = 0; i < TcpConnection::kMaxRetransmits; ++i) {
    Wait(TcpConnection::kRetransmitUs);
    EXPECT_EQ(Text(Next()), "answer");
  }
  Wait(TcpConnection::kRetransmitUs);
  EXPECT_TRUE(connection->is_given_up());
  EXPECT_FALSE(connection->HasSegment());
}

TEST_F(TcpConnectionTest, WhatTheGuestDoesNotTakeCostsNothing) {
  Establish();
  connection->Send("answer", now_us);
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(connection->deadline_us().has_value());
    Wait(TcpConnection::kRetransmitUs);
  }
  EXPECT_FALSE(connection->is_given_up());
  EXPECT_EQ(TakeText(), "answer");
}

TEST_F(TcpConnectionTest, ThreeDuplicatesSayThatASegmentIsLost) {
  Establish(1000, 10000);
  connection->Send(std::string(5000, 'x'), now_us);
  for (int i = 0; i < 5; ++i) {
    Next();
  }
  Give(kTcpAck);
  Give(kTcpAck);
  EXPECT_FALSE(connection->HasSegment());
  Give(kTcpAck);
  EXPECT_EQ(Next().sequence, next_expected);
  // Once is enough.
  while (connection->HasSegment()) {
    Next();
  }
  Give(kTcpAck);
  EXPECT_FALSE(connection->HasSegment());
}

}  // namespace
}  // namespace mayfly
