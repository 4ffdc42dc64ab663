// FindJsonSyntaxError: what may follow what was read last, and which byte is at fault.

#include "api/json_syntax_error.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

struct Case {
  std::string read;  // before the offset
  std::string rest;
  JsonContext context;
  std::string reason;
  size_t offset;
};

TEST(JsonSyntaxErrorTest, DependsOnWhatWasReadLast) {
  const std::vector<Case> cases = {
      {"", "", JsonContext::kStart, "EOF while parsing a value", 0},
      {"", " ?", JsonContext::kStart, "expected value", 2},
      {"{", "", JsonContext::kObjectStart, "EOF while parsing an object", 1},
      {"{", " 1", JsonContext::kObjectStart, "key must be a string", 3},
      {"{", ",", JsonContext::kObjectStart, "key must be a string", 2},
      {"[", " ", JsonContext::kArrayStart, "EOF while parsing a list", 2},
      {"[", ",", JsonContext::kArrayStart, "expected value", 2},
      {"{\"a\"", " ", JsonContext::kKey, "EOF while parsing an object", 5},
      {"{\"a\"", "=", JsonContext::kKey, "expected `:`", 5},
      {"{\"a\"", ":", JsonContext::kKey, "EOF while parsing a value", 5},
      {"{\"a\":1", "", JsonContext::kObjectMember, "EOF while parsing an object", 6},
      {"{\"a\":1", "]", JsonContext::kObjectMember, "expected `,` or `}`", 7},
      {"{\"a\":1", ",}", JsonContext::kObjectMember, "trailing comma", 8},
      {"{\"a\":1", ",,", JsonContext::kObjectMember, "key must be a string", 8},
      {"{\"a\":1", ", ", JsonContext::kObjectMember, "EOF while parsing a value", 8},
      {"[true", "", JsonContext::kArrayElement, "EOF while parsing a list", 5},
      {"[true", "}", JsonContext::kArrayElement, "expected `,` or `]`", 6},
      {"[true", ", ]", JsonContext::kArrayElement, "trailing comma", 8},
      {"[true", ",", JsonContext::kArrayElement, "EOF while parsing a value", 6},
      {"{}", "  {", JsonContext::kEnd, "trailing characters", 5},
  };
  for (const Case& one : cases) {
    const JsonSyntaxError error =
        FindJsonSyntaxError(one.read + one.rest, one.read.size(), one.context);
    EXPECT_EQ(error.reason, one.reason) << one.read << "|" << one.rest;
    EXPECT_EQ(error.offset, one.offset) << one.read << "|" << one.rest;
  }
}

TEST(JsonSyntaxErrorTest, ReadsOneTokenToTheByteAtFault) {
  const std::vector<Case> cases = {
      {"", "nil", JsonContext::kStart, "expected ident", 2},
      {"", "fals", JsonContext::kStart, "EOF while parsing a value", 4},
      {"", "-", JsonContext::kStart, "EOF while parsing a value", 1},
      {"", "-a", JsonContext::kStart, "invalid number", 2},
      {"", "1.e", JsonContext::kStart, "invalid number", 3},
      {"", "1e+", JsonContext::kStart, "EOF while parsing a value", 3},
      {"", "1e+x", JsonContext::kStart, "invalid number", 4},
      {"", "1e999", JsonContext::kStart, "number out of range", 5},
      {"", "\"abc", JsonContext::kStart, "EOF while parsing a string", 4},
      {"", "\"\\", JsonContext::kStart, "EOF while parsing a string", 2},
      {"", "\"\\x\"", JsonContext::kStart, "invalid escape", 3},
      {"", "\"\\u00g0\"", JsonContext::kStart, "invalid escape", 7},
      {"", "\"\\ud800\\n\"", JsonContext::kStart, "unexpected end of hex escape", 9},
      {"", "\"\xff\"", JsonContext::kStart, "invalid unicode code point", 3},
      {"0", "1", JsonContext::kEnd, "invalid number", 2},
  };
  for (const Case& one : cases) {
    const JsonSyntaxError error =
        FindJsonSyntaxError(one.read + one.rest, one.read.size(), one.context);
    EXPECT_EQ(error.reason, one.reason) << one.rest;
    EXPECT_EQ(error.offset, one.offset) << one.rest;
  }
}

TEST(JsonSyntaxErrorTest, ControlCharactersMayNotStandInStrings) {
  const JsonSyntaxError error = FindJsonSyntaxError("\"a\tb\"", 0, JsonContext::kStart);
  EXPECT_EQ(error.reason, "control character (\\u0000-\\u001F) found while parsing a string");
  EXPECT_EQ(error.offset, 3u);
}

}  // namespace
}  // namespace mayfly
