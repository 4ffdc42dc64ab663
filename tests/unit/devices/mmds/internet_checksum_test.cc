// InternetChecksum: known sums, odd sizes, carries.

#include "devices/mmds/internet_checksum.h"

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

uint16_t Sum(const std::vector<uint8_t>& bytes) {
  InternetChecksum checksum;
  checksum.Add(bytes);
  return checksum.Value();
}

// The example of RFC 1071, 3.
TEST(InternetChecksumTest, SumsTheExampleOfTheRfc) {
  EXPECT_EQ(Sum({0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}), 0xffff - 0xddf2);
}

TEST(InternetChecksumTest, IsZeroOverBytesThatHoldIt) {
  std::vector<uint8_t> bytes = {0x45, 0, 0x12, 0x34, 0, 0, 0xff, 0xff};
  const uint16_t sum = Sum(bytes);
  bytes[4] = static_cast<uint8_t>(sum >> 8);
  bytes[5] = static_cast<uint8_t>(sum & 0xff);
  EXPECT_EQ(Sum(bytes), 0);
}

TEST(InternetChecksumTest, AnOddByteIsTheHighOne) {
  EXPECT_EQ(Sum({0x12}), 0xffff - 0x1200);
  EXPECT_EQ(Sum({0x12, 0x34, 0x56}), 0xffff - (0x1234 + 0x5600));
}

TEST(InternetChecksumTest, CarriesOfTheLargestPacketAreAdded) {
  // 0xffff is zero in this arithmetic.
  EXPECT_EQ(Sum(std::vector<uint8_t>(128 << 10, 0xff)), 0);
  EXPECT_EQ(Sum({}), 0xffff);
}

TEST(InternetChecksumTest, PartsAddUp) {
  InternetChecksum checksum;
  checksum.AddWord(0x0102);
  checksum.Add(std::vector<uint8_t>{0x03, 0x04});
  EXPECT_EQ(checksum.Value(), Sum({1, 2, 3, 4}));
}

}  // namespace
}  // namespace mayfly
