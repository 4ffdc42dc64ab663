// Ipv4Packet: both directions, options, padding, and every rule that a header can break.

#include "devices/mmds/ipv4_packet.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "devices/mmds/big_endian.h"
#include "devices/mmds/internet_checksum.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using testing::ElementsAre;

// A packet of four bytes of payload.
std::vector<uint8_t> Bytes() {
  std::vector<uint8_t> bytes(kIpv4HeaderBytes);
  WriteIpv4Header({.source = 0xac100002, .destination = 0xa9fea9fe, .protocol = 6}, 4, bytes);
  bytes.insert(bytes.end(), {1, 2, 3, 4});
  return bytes;
}

void FixChecksum(std::vector<uint8_t>& bytes) {
  StoreBig16(bytes.data() + 10, 0);
  InternetChecksum checksum;
  checksum.Add(std::span(bytes).first(size_t{4} * (bytes[0] & 0xf)));
  StoreBig16(bytes.data() + 10, checksum.Value());
}

TEST(Ipv4PacketTest, ReadsWhatItWrites) {
  const std::vector<uint8_t> bytes = Bytes();
  const auto packet = Ipv4Packet::Parse(bytes);
  ASSERT_TRUE(packet.ok()) << packet.status();
  EXPECT_EQ(packet->source, 0xac100002u);
  EXPECT_EQ(packet->destination, 0xa9fea9feu);
  EXPECT_EQ(packet->protocol, kIpProtocolTcp);
  EXPECT_THAT(packet->payload, ElementsAre(1, 2, 3, 4));
}

TEST(Ipv4PacketTest, SkipsOptionsAndPadding) {
  std::vector<uint8_t> bytes = Bytes();
  bytes.insert(bytes.begin() + 20, {1, 1, 1, 1});
  bytes.resize(60);
  bytes[0] = 0x46;
  bytes[3] = 28;
  FixChecksum(bytes);
  const auto packet = Ipv4Packet::Parse(bytes);
  ASSERT_TRUE(packet.ok()) << packet.status();
  EXPECT_THAT(packet->payload, ElementsAre(1, 2, 3, 4));
}

TEST(Ipv4PacketTest, RefusesEveryBrokenRule) {
  struct Case {
    std::string name;
    std::function<void(std::vector<uint8_t>&)> change;
  };
  const std::vector<Case> cases = {
      {"empty", [](auto& b) { b.clear(); }},
      {"cut in the header", [](auto& b) { b.resize(19); }},
      {"version 6", [](auto& b) { b[0] = 0x65; }},
      {"header below 20 bytes", [](auto& b) { b[0] = 0x44; }},
      {"header of 0 bytes", [](auto& b) { b[0] = 0x40; }},
      {"header beyond the packet", [](auto& b) { b[0] = 0x4f; }},
      {"total length below the header", [](auto& b) { b[3] = 19; }},
      {"total length of 0", [](auto& b) { b[3] = 0; }},
      {"total length beyond the frame", [](auto& b) { b[3] = 25; }},
      {"largest total length", [](auto& b) { b[2] = b[3] = 0xff; }},
      {"more fragments", [](auto& b) { b[6] = 0x20; }},
      {"an offset", [](auto& b) { b[7] = 1; }},
      {"the largest offset", [](auto& b) { b[6] = 0x1f, b[7] = 0xff; }},
  };
  for (const Case& c : cases) {
    std::vector<uint8_t> bytes = Bytes();
    c.change(bytes);
    if (bytes.size() >= 20 && bytes.size() >= size_t{4} * (bytes[0] & 0xf)) {
      FixChecksum(bytes);
    }
    EXPECT_FALSE(Ipv4Packet::Parse(bytes).ok()) << c.name;
  }
}

TEST(Ipv4PacketTest, RefusesAnyWrongBitInTheHeader) {
  for (size_t i = 0; i < kIpv4HeaderBytes * 8; ++i) {
    std::vector<uint8_t> bytes = Bytes();
    bytes[i / 8] = static_cast<uint8_t>(bytes[i / 8] ^ 1 << i % 8);
    EXPECT_FALSE(Ipv4Packet::Parse(bytes).ok()) << i;
  }
}

}  // namespace
}  // namespace mayfly
