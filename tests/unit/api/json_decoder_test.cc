// JsonObject: texts that become structs, and the words for those that do not.

#include "api/json_decoder.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

enum class Color { kRed, kGreen, kBlue };
enum class Size { kSmall, kLarge };

struct Inner {
  uint64_t size = 7;
  std::optional<std::string> label;
};

struct Outer {
  uint8_t count = 0;
  std::string name;
  bool flag = true;
  std::optional<uint16_t> port;
  std::optional<Color> color;
  Size size = Size::kSmall;
  std::optional<Inner> inner;
  std::vector<Inner> list;
  std::vector<std::string> words;
  std::map<std::string, std::string> properties;
  std::optional<int> parsed;
  uint64_t bytes = 0;
};

const JsonEnum<Color>& Colors() {
  static const JsonEnum<Color> kNames(
      {{"Red", Color::kRed}, {"Green", Color::kGreen}, {"Blue", Color::kBlue}});
  return kNames;
}

const JsonEnum<Size>& Sizes() {
  static const JsonEnum<Size> kNames({{"V1", Size::kSmall}, {"V2", Size::kLarge}});
  return kNames;
}

const JsonObject<Inner>& InnerSchema() {
  static const JsonObject<Inner> kSchema(
      "struct Inner", UnknownFields::kIgnored,
      {Required("size", &Inner::size), Optional("label", &Inner::label)});
  return kSchema;
}

absl::StatusOr<int> ParseFive(absl::string_view text) {
  if (text != "five") {
    return absl::InvalidArgumentError("not five");
  }
  return 5;
}

const JsonObject<Outer>& OuterSchema() {
  static const JsonObject<Outer> kSchema("struct Outer", UnknownFields::kDenied,
                                         {
                                             Required("count", &Outer::count),
                                             Required("name", &Outer::name),
                                             Optional("flag", &Outer::flag),
                                             Optional("port", &Outer::port),
                                             Optional("color", &Outer::color, Colors()),
                                             Optional("size", &Outer::size, Sizes()),
                                             Optional("inner", &Outer::inner, InnerSchema()),
                                             OptionalList("list", &Outer::list, InnerSchema()),
                                             Optional("words", &Outer::words),
                                             Optional("properties", &Outer::properties),
                                             OptionalText("parsed", &Outer::parsed, ParseFive),
                                             Optional("bytes", &Outer::bytes, "usize"),
                                         });
  return kSchema;
}

TEST(JsonDecoderTest, FillsInWhatIsThere) {
  const auto outer = DecodeJson(
      R"({"name":"n","count":255,"flag":false,"port":65535,"color":"Blue","size":"V2",
          "inner":{"size":1,"unknown":[1,{"x":2}],"label":"l"},"list":[{"size":2},{"size":3}],
          "words":["a","b"],"properties":{"k":"v"},"parsed":"five","bytes":18446744073709551615})",
      OuterSchema());
  ASSERT_TRUE(outer.ok()) << outer.status();
  EXPECT_EQ(outer->count, 255);
  EXPECT_EQ(outer->name, "n");
  EXPECT_FALSE(outer->flag);
  EXPECT_EQ(outer->port, 65535);
  EXPECT_EQ(outer->color, Color::kBlue);
  EXPECT_EQ(outer->size, Size::kLarge);
  ASSERT_TRUE(outer->inner.has_value());
  EXPECT_EQ(outer->inner->size, 1u);
  EXPECT_EQ(outer->inner->label, "l");
  ASSERT_EQ(outer->list.size(), 2u);
  EXPECT_EQ(outer->list[1].size, 3u);
  EXPECT_EQ(outer->words, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(outer->properties.at("k"), "v");
  EXPECT_EQ(outer->parsed, 5);
  EXPECT_EQ(outer->bytes, UINT64_MAX);
}

TEST(JsonDecoderTest, NullAndNothingLeaveOptionalFieldsAlone) {
  for (const std::string rest :
       {"", R"(,"flag":null,"port":null,"color":null,"size":null,"inner":null,"list":null,
              "words":null,"properties":null,"parsed":null,"bytes":null)"}) {
    const auto outer = DecodeJson(R"({"name":"n","count":1)" + rest + "}", OuterSchema());
    ASSERT_TRUE(outer.ok()) << outer.status();
    EXPECT_TRUE(outer->flag);
    EXPECT_FALSE(outer->port.has_value());
    EXPECT_FALSE(outer->inner.has_value());
    EXPECT_EQ(outer->size, Size::kSmall);
    EXPECT_FALSE(outer->parsed.has_value());
  }
}

TEST(JsonDecoderTest, SaysWhatIsWrongInTheWordsOfSerde) {
  struct Case {
    std::string text;
    std::string error;
  };
  const std::string all =
      "one of `count`, `name`, `flag`, `port`, `color`, `size`, `inner`, `list`, `words`, "
      "`properties`, `parsed`, `bytes`";
  const std::vector<Case> cases = {
      {R"({"count": 1})", "missing field `name` at line 1 column 12"},
      {"{\n  \"name\": \"x\"\n}", "missing field `count` at line 3 column 1"},
      {"{}", "missing field `count` at line 1 column 2"},
      {R"({"x": 1})", "unknown field `x`, expected " + all + " at line 1 column 4"},
      {R"({"x"  : 1})", "unknown field `x`, expected " + all + " at line 1 column 6"},
      {R"({"count":1,"count":2})", "duplicate field `count` at line 1 column 18"},
      {R"({"count":"x"})", "invalid type: string \"x\", expected u8 at line 1 column 12"},
      {R"({"count":"a\"\n"})", R"(invalid type: string "a\"\n", expected u8 at line 1 column 16)"},
      {R"({"count":true})", "invalid type: boolean `true`, expected u8 at line 1 column 13"},
      {R"({"count":null})", "invalid type: null, expected u8 at line 1 column 13"},
      {R"({"count":1.5})", "invalid type: floating point `1.5`, expected u8 at line 1 column 12"},
      {R"({"count":2.0})", "invalid type: floating point `2.0`, expected u8 at line 1 column 12"},
      {R"({"count":1e20})", "invalid type: floating point `1e20`, expected u8 at line 1 column 13"},
      {R"({"count":[1]})", "invalid type: sequence, expected u8 at line 1 column 9"},
      {R"({"count":{}})", "invalid type: map, expected u8 at line 1 column 9"},
      {R"({"count":300})", "invalid value: integer `300`, expected u8 at line 1 column 12"},
      {R"({"count":-1})", "invalid value: integer `-1`, expected u8 at line 1 column 11"},
      {R"({"port":65536})", "invalid value: integer `65536`, expected u16 at line 1 column 13"},
      {R"({"bytes":"x"})", "invalid type: string \"x\", expected usize at line 1 column 12"},
      {R"({"bytes":18446744073709551616})",
       "invalid type: floating point `1.8446744073709552e19`, expected usize at line 1 column 29"},
      {R"({"name":5})", "invalid type: integer `5`, expected a string at line 1 column 9"},
      {R"({"flag":"yes"})", "invalid type: string \"yes\", expected a boolean at line 1 column 13"},
      {R"({"size":"V3"})", "unknown variant `V3`, expected `V1` or `V2` at line 1 column 12"},
      {R"({"color":"Pink"})",
       "unknown variant `Pink`, expected one of `Red`, `Green`, `Blue` at line 1 column 15"},
      {R"({"color":5})", "expected value at line 1 column 10"},
      {R"({"inner":{}})", "missing field `size` at line 1 column 11"},
      {R"({"inner":5})", "invalid type: integer `5`, expected struct Inner at line 1 column 10"},
      {R"({"list":{}})", "invalid type: map, expected a sequence at line 1 column 8"},
      {R"({"list":[{"size":1},{"size":"x"}]})",
       "invalid type: string \"x\", expected u64 at line 1 column 31"},
      {R"({"words":[1]})", "invalid type: integer `1`, expected a string at line 1 column 11"},
      {R"({"properties":[]})", "invalid type: sequence, expected a map at line 1 column 14"},
      {R"({"parsed":"six" , "x":1})", "not five at line 1 column 16"},
      {R"({"parsed":"six" })", "not five at line 1 column 17"},
      {"[]", "invalid type: sequence, expected struct Outer at line 1 column 0"},
      {"5", "invalid type: integer `5`, expected struct Outer at line 1 column 1"},
      {"", "EOF while parsing a value at line 1 column 0"},
      {R"({"count":1,"name":"n"} x)", "trailing characters at line 1 column 24"},
      {R"({"count":1,"name":"n",})", "trailing comma at line 1 column 23"},
      // Whichever comes first.
      {R"({"count":"x", )", "invalid type: string \"x\", expected u8 at line 1 column 12"},
      {R"({"count":1, x)", "key must be a string at line 1 column 13"},
      {R"({"list":[{"size":1}, x)", "expected value at line 1 column 22"},
      {R"({"inner":{"size":)", "EOF while parsing a value at line 1 column 17"},
  };
  for (const Case& one : cases) {
    const auto outer = DecodeJson(one.text, OuterSchema());
    EXPECT_EQ(outer.status().message(), one.error) << one.text;
  }
}

TEST(JsonDecoderTest, ListsFewNamesWithoutOneOf) {
  EXPECT_EQ(OneOf({"a"}), "`a`");
  EXPECT_EQ(OneOf({"a", "b"}), "`a` or `b`");
  EXPECT_EQ(OneOf({"a", "b", "c"}), "one of `a`, `b`, `c`");
}

TEST(JsonEnumTest, FindsNamesInAnyCaseWhereAsked) {
  const JsonEnum<Size> names({{"Small", Size::kSmall}, {"Tiny", Size::kSmall}}, NameCase::kIgnored);
  EXPECT_EQ(names.Find("sMALL"), Size::kSmall);
  EXPECT_EQ(names.Find("tiny"), Size::kSmall);
  EXPECT_EQ(names.Find("huge"), std::nullopt);
  EXPECT_EQ(names.NameOf(Size::kSmall), "Small");
  EXPECT_EQ(Sizes().Find("v1"), std::nullopt);
}

}  // namespace
}  // namespace mayfly
