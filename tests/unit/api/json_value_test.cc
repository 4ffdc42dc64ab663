// JsonDocument: the tree, where everything in it is, and what is said of broken texts.

#include "api/json_value.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace mayfly {
namespace {

using Kind = JsonValue::Kind;

TEST(JsonDocumentTest, KnowsWhatEverythingIsAndWhereItIs) {
  const std::string text = R"( {"a": [1, -2, 1.5], "b" : {"c":null}, "d":"x\n", "e":true })";
  const JsonDocument document(text);
  ASSERT_TRUE(document.status().ok()) << document.status();
  const JsonValue& root = document.root();
  ASSERT_EQ(root.kind, Kind::kObject);
  EXPECT_EQ(text.substr(root.begin, root.end - root.begin), text.substr(1));
  ASSERT_EQ(root.members.size(), 4u);
  const JsonValue& list = root.members[0].value;
  EXPECT_EQ(text.substr(list.begin, list.end - list.begin), "[1, -2, 1.5]");
  ASSERT_EQ(list.members.size(), 3u);
  EXPECT_EQ(list.members[0].value.kind, Kind::kUnsigned);
  EXPECT_EQ(list.members[0].value.number, 1u);
  EXPECT_EQ(list.members[1].value.kind, Kind::kNegative);
  EXPECT_EQ(list.members[1].value.negative, -2);
  EXPECT_EQ(list.members[2].value.kind, Kind::kFloat);
  EXPECT_EQ(list.members[2].value.floating, 1.5);
  const JsonValue& number = list.members[1].value;
  EXPECT_EQ(text.substr(number.begin, number.end - number.begin), "-2");
  EXPECT_EQ(root.members[1].key, "b");
  EXPECT_EQ(text.substr(root.members[1].key_end - 3, 3), R"("b")");
  EXPECT_TRUE(root.members[1].value.members[0].value.is_null());
  EXPECT_EQ(root.members[2].value.text, "x\n");
  EXPECT_TRUE(root.members[3].value.boolean);
}

TEST(JsonDocumentTest, NumbersEndWhereTheyEnd) {
  for (const std::string text : {"12", "12 ", "12\n", "-1", "1e3", "0", "1.25"}) {
    const JsonDocument document(text);
    ASSERT_TRUE(document.status().ok()) << text;
    EXPECT_EQ(document.root().end, text.find_last_not_of(" \n") + 1) << text;
  }
}

TEST(JsonDocumentTest, NumbersBeyond64BitsAreFloatingPoint) {
  EXPECT_EQ(JsonDocument("18446744073709551615").root().kind, Kind::kUnsigned);
  EXPECT_EQ(JsonDocument("18446744073709551616").root().kind, Kind::kFloat);
  EXPECT_EQ(JsonDocument("-9223372036854775808").root().kind, Kind::kNegative);
  EXPECT_EQ(JsonDocument("-9223372036854775809").root().kind, Kind::kFloat);
}

TEST(JsonDocumentTest, SaysWhatIsWrongAndWhere) {
  struct Case {
    std::string text;
    std::string error;
  };
  const std::vector<Case> cases = {
      {"", "EOF while parsing a value at line 1 column 0"},
      {" \n ", "EOF while parsing a value at line 2 column 1"},
      {"{", "EOF while parsing an object at line 1 column 1"},
      {"[", "EOF while parsing a list at line 1 column 1"},
      {"[1", "EOF while parsing a list at line 1 column 2"},
      {"[1,", "EOF while parsing a value at line 1 column 3"},
      {R"({"a")", "EOF while parsing an object at line 1 column 4"},
      {R"({"a":)", "EOF while parsing a value at line 1 column 5"},
      {R"({"a":1)", "EOF while parsing an object at line 1 column 6"},
      {R"({"a":1,)", "EOF while parsing a value at line 1 column 7"},
      {R"({"a)", "EOF while parsing a string at line 1 column 3"},
      {"nul", "EOF while parsing a value at line 1 column 3"},
      {"nulx", "expected ident at line 1 column 4"},
      {"tru3", "expected ident at line 1 column 4"},
      {"x", "expected value at line 1 column 1"},
      {R"({"a": ,})", "expected value at line 1 column 7"},
      {"[1 2]", "expected `,` or `]` at line 1 column 4"},
      {R"({"a" 1})", "expected `:` at line 1 column 6"},
      {R"({"a":1 "b":2})", "expected `,` or `}` at line 1 column 8"},
      {"{1:2}", "key must be a string at line 1 column 2"},
      {R"({"a":1, 2})", "key must be a string at line 1 column 9"},
      {R"({"a":1,})", "trailing comma at line 1 column 8"},
      {"[1,]", "trailing comma at line 1 column 4"},
      {"{} x", "trailing characters at line 1 column 4"},
      {"{}\n}", "trailing characters at line 2 column 1"},
      {"1 2", "trailing characters at line 1 column 3"},
      {std::string("{}\0x", 4), "trailing characters at line 1 column 3"},
      {"01", "invalid number at line 1 column 2"},
      {"-", "EOF while parsing a value at line 1 column 1"},
      {"-x", "invalid number at line 1 column 2"},
      {"1.x", "invalid number at line 1 column 3"},
      {"1.", "EOF while parsing a value at line 1 column 2"},
      {"1ex", "invalid number at line 1 column 3"},
      {"1e999", "number out of range at line 1 column 5"},
      {"\"a\nb\"",
       "control character (\\u0000-\\u001F) found while parsing a string at line 2 column 0"},
      {R"("\q")", "invalid escape at line 1 column 3"},
      {R"("\u12)", "EOF while parsing a string at line 1 column 5"},
      {R"("\u12x4")", "invalid escape at line 1 column 7"},
      {R"("\udc00")", "lone leading surrogate in hex escape at line 1 column 7"},
      {R"("\ud800x")", "unexpected end of hex escape at line 1 column 8"},
      {R"("\ud800\u0041")", "lone leading surrogate in hex escape at line 1 column 13"},
      {"\"\xff\"", "invalid unicode code point at line 1 column 3"},
      {"\"\xed\xa0\x80\"", "invalid unicode code point at line 1 column 5"},
      {"\xef\xbb\xbf{}", "expected value at line 1 column 1"},
      {"{\n  \"a\": [1,\n  2,\n  }\n", "expected value at line 4 column 3"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(JsonDocument(one.text).status().message(), one.error) << one.text;
  }
}

TEST(JsonDocumentTest, BrokenTextsKeepWhatCameBefore) {
  const JsonDocument document(R"({"a": 1, "b": [2, x)");
  ASSERT_FALSE(document.status().ok());
  const JsonValue& root = document.root();
  EXPECT_FALSE(root.is_complete);
  ASSERT_EQ(root.members.size(), 2u);
  EXPECT_EQ(root.members[0].value.number, 1u);
  EXPECT_FALSE(root.members[1].value.is_complete);
  EXPECT_EQ(root.members[1].value.members.size(), 1u);
  const JsonDocument no_value(R"({"a": )");
  EXPECT_EQ(no_value.root().members[0].value.kind, Kind::kMissing);
}

TEST(JsonDocumentTest, DeepNestingIsRefused) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(JsonDocument(nested(JsonDocument::kMaxDepth)).status().ok());
  for (const size_t depth : {JsonDocument::kMaxDepth + 1, size_t{10'000}}) {
    EXPECT_EQ(JsonDocument(nested(depth)).status().message(),
              "recursion limit exceeded at line 1 column 128");
  }
}

}  // namespace
}  // namespace mayfly
