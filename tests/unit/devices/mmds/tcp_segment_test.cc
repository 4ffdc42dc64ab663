// TcpSegment: both directions, options, checksums, and every length that is wrong.

#include "devices/mmds/tcp_segment.h"

#include <cstdint>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using testing::ElementsAre;

constexpr uint32_t kGuest = 0xac100002;
constexpr uint32_t kService = 0xa9fea9fe;
constexpr auto kComplete = TcpSegment::Checksum::kComplete;
constexpr auto kLeft = TcpSegment::Checksum::kLeftToCard;

std::vector<uint8_t> Bytes(const TcpSegment& segment) {
  std::vector<uint8_t> bytes(segment.size_bytes());
  segment.Write(kGuest, kService, bytes);
  return bytes;
}

absl::StatusOr<TcpSegment> Parse(const std::vector<uint8_t>& bytes, TcpSegment::Checksum checksum) {
  return TcpSegment::Parse(
      {.source = kGuest, .destination = kService, .protocol = 6, .payload = bytes}, checksum);
}

// A header with `options`, of a size that is a multiple of four, and one byte of payload.
std::vector<uint8_t> WithOptions(const std::vector<uint8_t>& options) {
  std::vector<uint8_t> bytes = Bytes({.flags = kTcpSyn});
  bytes.insert(bytes.end(), options.begin(), options.end());
  bytes[12] = static_cast<uint8_t>(bytes.size() / 4 << 4);
  bytes.push_back(0x77);
  return bytes;
}

TEST(TcpSegmentTest, ReadsWhatItWrites) {
  const std::vector<uint8_t> payload = {1, 2, 3};
  const std::vector<uint8_t> bytes = Bytes({.source_port = 40000,
                                            .destination_port = 80,
                                            .sequence = 0xfffffffe,
                                            .acknowledgment = 0x01020304,
                                            .flags = kTcpAck | kTcpFin,
                                            .window = 2500,
                                            .mss = 1460,
                                            .payload = payload});
  EXPECT_EQ(bytes.size(), 27u);
  const auto segment = Parse(bytes, kComplete);
  ASSERT_TRUE(segment.ok()) << segment.status();
  EXPECT_EQ(segment->source_port, 40000);
  EXPECT_EQ(segment->destination_port, 80);
  EXPECT_EQ(segment->sequence, 0xfffffffeu);
  EXPECT_EQ(segment->acknowledgment, 0x01020304u);
  EXPECT_EQ(segment->flags, kTcpAck | kTcpFin);
  EXPECT_EQ(segment->window, 2500);
  EXPECT_EQ(segment->mss, 1460);
  EXPECT_THAT(segment->payload, ElementsAre(1, 2, 3));
  EXPECT_EQ(segment->length(), 4u);
}

TEST(TcpSegmentTest, TheChecksumCoversEveryBitAndTheAddresses) {
  const std::vector<uint8_t> payload = {1, 2, 3};
  const std::vector<uint8_t> good = Bytes({.flags = kTcpAck, .payload = payload});
  for (size_t i = 0; i < good.size() * 8; ++i) {
    std::vector<uint8_t> bytes = good;
    bytes[i / 8] = static_cast<uint8_t>(bytes[i / 8] ^ 1 << i % 8);
    EXPECT_FALSE(Parse(bytes, kComplete).ok()) << i;
  }
  EXPECT_FALSE(
      TcpSegment::Parse({.source = kGuest + 1, .destination = kService, .payload = good}, kComplete)
          .ok());
}

TEST(TcpSegmentTest, AChecksumThatIsLeftToTheCardIsNotLookedAt) {
  std::vector<uint8_t> bytes = Bytes({.flags = kTcpAck});
  bytes[16] ^= 0xff;
  EXPECT_FALSE(Parse(bytes, kComplete).ok());
  EXPECT_TRUE(Parse(bytes, kLeft).ok());
}

TEST(TcpSegmentTest, FindsTheSegmentSizeAmongOtherOptions) {
  const std::vector<uint8_t> linux_options = {2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2,
                                              3, 4, 0, 0,    0, 0, 1, 3,  3, 7};
  const std::vector<uint8_t> bytes = WithOptions(linux_options);
  auto segment = Parse(bytes, kLeft);
  ASSERT_TRUE(segment.ok()) << segment.status();
  EXPECT_EQ(segment->mss, 1460);
  EXPECT_THAT(segment->payload, ElementsAre(0x77));
  // Behind the end of the list nothing counts, and of another size it is another option.
  for (const auto& options : {std::vector<uint8_t>{0, 2, 4, 5}, std::vector<uint8_t>{2, 3, 9, 1},
                              std::vector<uint8_t>{0, 0, 0, 0}, std::vector<uint8_t>{1, 1, 1, 1}}) {
    const std::vector<uint8_t> other = WithOptions(options);
    segment = Parse(other, kLeft);
    ASSERT_TRUE(segment.ok()) << segment.status();
    EXPECT_EQ(segment->mss, 0);
  }
}

TEST(TcpSegmentTest, RefusesOptionsThatAreCutOff) {
  for (const auto& options : {std::vector<uint8_t>{1, 1, 1, 2}, std::vector<uint8_t>{2, 0, 0, 0},
                              std::vector<uint8_t>{2, 1, 0, 0}, std::vector<uint8_t>{1, 2, 4, 5},
                              std::vector<uint8_t>{8, 0xff, 0, 0}}) {
    EXPECT_FALSE(Parse(WithOptions(options), kLeft).ok());
  }
}

TEST(TcpSegmentTest, RefusesWrongLengths) {
  std::vector<uint8_t> bytes = Bytes({.flags = kTcpAck});
  for (const int words : {0, 1, 4, 6, 15}) {
    bytes[12] = static_cast<uint8_t>(words << 4);
    EXPECT_FALSE(Parse(bytes, kLeft).ok()) << words;
  }
  bytes[12] = 5 << 4;
  EXPECT_TRUE(Parse(bytes, kLeft).ok());
  bytes.resize(19);
  EXPECT_FALSE(Parse(bytes, kLeft).ok());
  EXPECT_FALSE(Parse({}, kLeft).ok());
}

TEST(TcpSegmentTest, SequenceNumbersWrap) {
  EXPECT_TRUE(IsBefore(1, 2));
  EXPECT_FALSE(IsBefore(2, 2));
  EXPECT_TRUE(IsBefore(0xffffffff, 0));
  EXPECT_FALSE(IsBefore(0, 0xffffffff));
}

}  // namespace
}  // namespace mayfly
