// EthernetHeader and ArpRequest: both directions, and everything that is none.

#include "devices/mmds/ethernet_frame.h"

#include <cstdint>
#include <span>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using testing::ElementsAreArray;

constexpr EthernetAddress kGuest = {6, 0, 0xac, 0x10, 0, 2};

std::vector<uint8_t> ArpBytes() {
  return {0,    1,    8, 0, 6, 4, 0, 1, 6, 0, 0xac, 0x10, 0,    2,
          0xac, 0x10, 0, 2, 0, 0, 0, 0, 0, 0, 0xa9, 0xfe, 0xa9, 0xfe};
}

TEST(EthernetFrameTest, ReadsWhatItWrites) {
  std::vector<uint8_t> bytes(kEthernetHeaderBytes);
  EthernetHeader{.destination = {1, 2, 3, 4, 5, 6}, .source = kGuest, .type = 0x0806}.Write(bytes);
  EXPECT_THAT(bytes, ElementsAreArray({1, 2, 3, 4, 5, 6, 6, 0, 0xac, 0x10, 0, 2, 8, 6}));
  const auto header = EthernetHeader::Parse(bytes);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->destination, (EthernetAddress{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(header->source, kGuest);
  EXPECT_EQ(header->type, kEtherTypeArp);
}

TEST(EthernetFrameTest, RefusesAHeaderThatIsCutOff) {
  const std::vector<uint8_t> bytes(kEthernetHeaderBytes - 1);
  EXPECT_FALSE(EthernetHeader::Parse(bytes).has_value());
  EXPECT_FALSE(EthernetHeader::Parse({}).has_value());
}

TEST(ArpRequestTest, ReadsARequestWithPadding) {
  std::vector<uint8_t> bytes = ArpBytes();
  bytes.resize(46);
  const auto request = ArpRequest::Parse(bytes);
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->sender, kGuest);
  EXPECT_EQ(request->sender_ipv4, 0xac100002u);
  EXPECT_EQ(request->target_ipv4, 0xa9fea9feu);
}

TEST(ArpRequestTest, RefusesWhatIsNoRequestForIpv4OverEthernet) {
  for (size_t i = 0; i < 8; ++i) {
    std::vector<uint8_t> bytes = ArpBytes();
    ++bytes[i];
    EXPECT_FALSE(ArpRequest::Parse(bytes).has_value()) << i;
  }
  const std::vector<uint8_t> bytes = ArpBytes();
  EXPECT_FALSE(ArpRequest::Parse(std::span(bytes).first(27)).has_value());
}

TEST(ArpRequestTest, TheReplyNamesBothSides) {
  const auto request = ArpRequest::Parse(ArpBytes());
  ASSERT_TRUE(request.has_value());
  std::vector<uint8_t> reply(kArpPacketBytes, 0xee);
  WriteArpReply(*request, {6, 1, 0x23, 0x45, 0x67, 1}, reply);
  EXPECT_THAT(reply, ElementsAreArray({0,    1,    8,    0, 6,    4,    0,    2,    6, 1,
                                       0x23, 0x45, 0x67, 1, 0xa9, 0xfe, 0xa9, 0xfe, 6, 0,
                                       0xac, 0x10, 0,    2, 0xac, 0x10, 0,    2}));
}

}  // namespace
}  // namespace mayfly
