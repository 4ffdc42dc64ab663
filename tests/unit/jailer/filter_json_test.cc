// ParseFilterJson: trees, places of syntax errors, keys that are there twice.

#include "jailer/filter_json.h"

#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

std::string Error(absl::string_view text) {
  const auto json = ParseFilterJson(text);
  return json.ok() ? "none" : std::string(json.status().message());
}

TEST(FilterJsonTest, ParsesAnyJson) {
  const auto json = ParseFilterJson(R"( {"a": [1, -2, 3.5, "x", true, null], "b": {"a": {}}} )");
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(json->find("a")->size(), 6u);
  EXPECT_TRUE(json->find("b")->find("a")->is_object());
}

TEST(FilterJsonTest, SaysWhereASyntaxErrorIs) {
  EXPECT_EQ(Error(""), "syntax error at line 1 column 1");
  EXPECT_EQ(Error("x"), "syntax error at line 1 column 1");
  EXPECT_EQ(Error("{\n  \"a\": ]\n}"), "syntax error at line 2 column 8");
  EXPECT_EQ(Error("[1,]"), "syntax error at line 1 column 4");
  EXPECT_EQ(Error("{} {}"), "syntax error at line 1 column 4");
  EXPECT_EQ(Error("[1"), "syntax error at line 1 column 3");
  EXPECT_EQ(Error("[1e999]"), "syntax error at line 1 column 6");
  EXPECT_EQ(Error("[\"\xff\"]"), "syntax error at line 1 column 3");
  EXPECT_EQ(Error(absl::string_view("{}\0x", 4)), "syntax error at line 1 column 3");
}

TEST(FilterJsonTest, RefusesKeysThatAreThereTwice) {
  EXPECT_EQ(Error(R"({"a": 1, "b": 2, "a": 3})"), "an object has 'a' twice");
  EXPECT_EQ(Error(R"({"x": [{"a": {"b": 1}, "b": 1, "b": 1}]})"), "an object has 'b' twice");
  EXPECT_EQ(Error(R"({"a\n\u0001": 1, "a\n\u0001": 3})"), "an object has 'a\\n\\x01' twice");
  EXPECT_EQ(Error(R"({"a": {"a": 1}, "b": {"a": 1}})"), "none");
}

TEST(FilterJsonTest, DeepNestingIsNoDanger) {
  constexpr size_t kDepth = 200'000;
  EXPECT_EQ(Error(std::string(kDepth, '[') + std::string(kDepth, ']')), "none");
  EXPECT_EQ(Error(std::string(kDepth, '[')), "syntax error at line 1 column 200001");
}

}  // namespace
}  // namespace mayfly
