// TextBuffer: numbers, padding and the end of the storage.

#include "base/text_buffer.h"

#include <array>
#include <cstdint>
#include <limits>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(TextBufferTest, AppendsTextAndNumbers) {
  std::array<char, 128> storage;
  TextBuffer buffer(storage);
  buffer.Append("a=");
  buffer.AppendNumber(0);
  buffer.Append(" b=");
  buffer.AppendNumber(-17);
  buffer.Append(" c=");
  buffer.AppendNumber(std::numeric_limits<int64_t>::min());
  EXPECT_EQ(buffer.text(), "a=0 b=-17 c=-9223372036854775808");
}

TEST(TextBufferTest, PadsWithZeroesButNeverCutsDigits) {
  std::array<char, 64> storage;
  TextBuffer buffer(storage);
  buffer.AppendPadded(7, 3);
  buffer.Append(" ");
  buffer.AppendPadded(0, 2);
  buffer.Append(" ");
  buffer.AppendPadded(12345, 2);
  buffer.Append(" ");
  buffer.AppendPadded(std::numeric_limits<uint64_t>::max(), 1);
  EXPECT_EQ(buffer.text(), "007 00 12345 18446744073709551615");
}

TEST(TextBufferTest, CutsOffWhatDoesNotFit) {
  std::array<char, 5> storage;
  TextBuffer buffer(storage);
  buffer.Append("abc");
  buffer.AppendNumber(1234);
  buffer.Append("x");
  EXPECT_EQ(buffer.text(), "abc12");
}

}  // namespace
}  // namespace mayfly
