// TcpConnection: opening, what it receives, every order of closing, hostile segments.

#include "devices/mmds/tcp_connection.h"

#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "tests/unit/devices/mmds/tcp_connection_fixture.h"

namespace mayfly {
namespace {

TEST_F(TcpConnectionTest, AnswersASynWithItsOwn) {
  Open();
  const TcpSegment segment = Next();
  EXPECT_EQ(segment.flags, kTcpSyn | kTcpAck);
  EXPECT_EQ(segment.sequence, kOurStart);
  EXPECT_EQ(segment.mss, 1460);
  EXPECT_EQ(segment.window, 2500);
  EXPECT_FALSE(connection->HasSegment());
  EXPECT_FALSE(connection->CanSend());
  Give(kTcpAck);
  EXPECT_TRUE(connection->CanSend());
  EXPECT_FALSE(connection->deadline_us().has_value());
}

TEST_F(TcpConnectionTest, SendsItsSynAgainWhenAskedOrAfterATime) {
  Open();
  Next();
  TcpSegment again = Segment(kTcpSyn);
  again.sequence = kGuestStart;
  Give(again);
  EXPECT_EQ(Next().flags, kTcpSyn | kTcpAck);
  for (int i = 0; i < TcpConnection::kMaxRetransmits; ++i) {
    Wait(TcpConnection::kRetransmitUs - 1);
    EXPECT_FALSE(connection->HasSegment());
    Wait(1);
    const TcpSegment segment = Next();
    EXPECT_EQ(segment.flags, kTcpSyn | kTcpAck);
    EXPECT_EQ(segment.sequence, kOurStart);
  }
  EXPECT_FALSE(connection->is_given_up());
  Wait(TcpConnection::kRetransmitUs);
  EXPECT_TRUE(connection->is_given_up());
}

TEST_F(TcpConnectionTest, OnlyTheRightAcknowledgmentOpens) {
  Open();
  Next();
  for (const uint32_t acknowledgment : {kOurStart, kOurStart - 1, kOurStart + 2, 0x12345678u}) {
    TcpSegment segment = Segment(kTcpAck, "data");
    segment.acknowledgment = acknowledgment;
    Give(segment);
    EXPECT_FALSE(connection->CanSend());
    EXPECT_TRUE(connection->received().empty());
  }
  Give(kTcpAck, "data");
  EXPECT_TRUE(connection->CanSend());
  EXPECT_EQ(connection->received(), "data");
}

TEST_F(TcpConnectionTest, ReceivesInOrder) {
  Establish();
  Give(kTcpAck, "hello ");
  Give(kTcpAck | kTcpPsh, "world");
  EXPECT_EQ(connection->received(), "hello world");
  const TcpSegment ack = Next();
  EXPECT_EQ(ack.window, 2500 - 11);
  EXPECT_FALSE(connection->HasSegment());
  connection->Consume(6);
  EXPECT_EQ(connection->received(), "world");
}

TEST_F(TcpConnectionTest, TakesOnlyWhatIsNewOfASegment) {
  Establish();
  Give(kTcpAck, "abc");
  TcpSegment again = Segment(kTcpAck, "abcdef");
  again.sequence = next_sent - 3;
  Give(again);
  next_sent += 3;
  EXPECT_EQ(connection->received(), "abcdef");
  Give(again);
  EXPECT_EQ(connection->received(), "abcdef");
  ExpectAck();
}

TEST_F(TcpConnectionTest, DropsAndAcknowledgesWhatComesOutOfOrder) {
  Establish();
  TcpSegment early = Segment(kTcpAck | kTcpFin, "later");
  early.sequence += 4;
  Give(early);
  EXPECT_TRUE(connection->received().empty());
  EXPECT_FALSE(connection->has_guest_finished());
  ExpectAck();
  Give(kTcpAck, "now ");
  EXPECT_EQ(connection->received(), "now ");
}

TEST_F(TcpConnectionTest, TakesWhatFitsAndOpensTheWindowAgain) {
  Establish();
  const std::string text(4000, 'x');
  Give(Segment(kTcpAck | kTcpFin, text));
  next_sent += 2500;
  EXPECT_TRUE(connection->is_receive_full());
  EXPECT_EQ(Next().window, 0);
  // A probe of the closed window is answered, and its acknowledgment counts.
  Give(Segment(kTcpAck, "y"));
  EXPECT_EQ(Next().window, 0);
  connection->Send("answer", now_us);
  EXPECT_EQ(TakeText(), "answer");
  Give(Segment(kTcpAck, "y"));
  EXPECT_TRUE(connection->CanSend());
  Next();
  connection->Consume(2500);
  EXPECT_EQ(Next().window, 2500);
  EXPECT_FALSE(connection->has_guest_finished());
}

TEST_F(TcpConnectionTest, EndsWhenTheGuestClosesFirst) {
  Establish();
  Give(kTcpAck | kTcpFin, "bye");
  EXPECT_TRUE(connection->has_guest_finished());
  EXPECT_EQ(connection->received(), "bye");
  connection->Send("answer", now_us);
  connection->Close();
  const TcpSegment last = Next();
  EXPECT_EQ(Text(last), "answer");
  EXPECT_TRUE(last.Has(kTcpFin));
  next_expected += last.length();
  EXPECT_FALSE(connection->is_over());
  Give(kTcpAck);
  EXPECT_TRUE(connection->is_over());
}

TEST_F(TcpConnectionTest, EndsWhenWeCloseFirst) {
  Establish();
  connection->Close();
  EXPECT_FALSE(connection->CanSend());
  const TcpSegment fin = Next();
  EXPECT_EQ(fin.flags & (kTcpFin | kTcpAck), kTcpFin | kTcpAck);
  ++next_expected;
  Give(kTcpAck);
  EXPECT_FALSE(connection->is_over());
  EXPECT_FALSE(connection->deadline_us().has_value());
  // The guest may send on for a while.
  Give(kTcpAck, "data");
  ExpectAck();
  Give(kTcpAck | kTcpFin);
  EXPECT_FALSE(connection->is_over());
  ExpectAck();
  EXPECT_TRUE(connection->is_over());
}

TEST_F(TcpConnectionTest, EndsWhenBothCloseAtOnce) {
  Establish();
  connection->Close();
  Next();
  Give(kTcpAck | kTcpFin);
  ExpectAck();
  EXPECT_FALSE(connection->is_over());
  ++next_expected;
  Give(kTcpAck);
  EXPECT_TRUE(connection->is_over());
}

TEST_F(TcpConnectionTest, AFinOfAConnectionThatJustOpenedIsTaken) {
  Open();
  Next();
  Give(kTcpAck | kTcpFin, "GET");
  EXPECT_TRUE(connection->has_guest_finished());
  EXPECT_EQ(connection->received(), "GET");
}

TEST_F(TcpConnectionTest, SendsItsFinAgain) {
  Establish();
  connection->Send("x", now_us);
  connection->Close();
  Next();
  Wait(TcpConnection::kRetransmitUs);
  const TcpSegment again = Next();
  EXPECT_EQ(Text(again), "x");
  EXPECT_TRUE(again.Has(kTcpFin));
  // Of this the guest took the byte alone.
  ++next_expected;
  Give(kTcpAck);
  Wait(TcpConnection::kRetransmitUs);
  const TcpSegment fin = Next();
  EXPECT_EQ(fin.length(), 1u);
  EXPECT_TRUE(fin.Has(kTcpFin));
  EXPECT_EQ(fin.sequence, next_expected);
}

TEST_F(TcpConnectionTest, NothingIsTakenBehindAFin) {
  Establish();
  Give(kTcpAck | kTcpFin);
  ExpectAck();
  Give(Segment(kTcpAck | kTcpFin, "more"));
  EXPECT_TRUE(connection->received().empty());
  ExpectAck();
}

// RFC 5961, 3: only the very next sequence number resets, others are asked about.
TEST_F(TcpConnectionTest, AResetMustBeExact) {
  Establish();
  for (const uint32_t offset : {1u, 2499u}) {
    TcpSegment reset = Segment(kTcpRst);
    reset.sequence += offset;
    Give(reset);
    EXPECT_FALSE(connection->is_over());
    ExpectAck();
  }
  for (const uint32_t offset : {0u - 1, 2500u, 0x80000000u}) {
    TcpSegment reset = Segment(kTcpRst);
    reset.sequence += offset;
    Give(reset);
    EXPECT_FALSE(connection->is_over());
    EXPECT_FALSE(connection->HasSegment());
  }
  Give(Segment(kTcpRst));
  EXPECT_TRUE(connection->is_over());
  EXPECT_FALSE(connection->HasSegment());
}

// RFC 5961, 4.
TEST_F(TcpConnectionTest, ASynIsAskedAbout) {
  Establish();
  for (const uint32_t offset : {0u, 1u, 0x40000000u}) {
    TcpSegment syn = Segment(kTcpSyn);
    syn.sequence += offset;
    Give(syn);
    EXPECT_FALSE(connection->is_over());
    ExpectAck();
  }
}

// RFC 5961, 5: whoever guesses must guess the acknowledgment too.
TEST_F(TcpConnectionTest, RefusesAcknowledgmentsThatCannotBe) {
  Establish();
  for (const uint32_t offset : {1u, 0x7fffffffu, 0x80000000u, 0u - 0x10000}) {
    TcpSegment segment = Segment(kTcpAck, "evil");
    segment.acknowledgment += offset;
    Give(segment);
    EXPECT_TRUE(connection->received().empty()) << offset;
    ExpectAck();
  }
  TcpSegment without = Segment(kTcpPsh, "evil");
  Give(without);
  EXPECT_TRUE(connection->received().empty());
  EXPECT_FALSE(connection->HasSegment());
}

TEST_F(TcpConnectionTest, RefusesSegmentsBesideTheWindow) {
  Establish();
  for (const uint32_t offset : {2500u, 0x7fffffffu, 0x80000000u, 0u - 100}) {
    TcpSegment segment = Segment(kTcpAck | kTcpFin, "evil");
    segment.sequence += offset;
    Give(segment);
    EXPECT_TRUE(connection->received().empty()) << offset;
    EXPECT_FALSE(connection->has_guest_finished());
    ExpectAck();
  }
}

}  // namespace
}  // namespace mayfly
