// QuotedText: one line, whatever the text.

#include "api/quoted_text.h"

#include <string>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(QuotedTextTest, EscapesWhatDoesNotPrint) {
  EXPECT_EQ(QuotedText(""), R"("")");
  EXPECT_EQ(QuotedText("plain text"), R"("plain text")");
  EXPECT_EQ(QuotedText(R"(say "a\b")"), R"("say \"a\\b\"")");
  EXPECT_EQ(QuotedText("1\n2\r3\t4"), R"("1\n2\r3\t4")");
  EXPECT_EQ(QuotedText(std::string("\0", 1)), R"("\0")");
  EXPECT_EQ(QuotedText("\x01\x1f\x7f"), R"("\u{1}\u{1f}\u{7f}")");
}

TEST(QuotedTextTest, KeepsWhatIsNotAscii) {
  EXPECT_EQ(QuotedText("caf\xc3\xa9"), "\"caf\xc3\xa9\"");
}

}  // namespace
}  // namespace mayfly
