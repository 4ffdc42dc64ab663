// MmdsStore: put, patch, limits, and what is found where.

#include "devices/mmds/mmds_store.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using Format = MmdsStore::Format;

constexpr char kContent[] = R"({
  "latest": {"meta-data": {"ami-id": "ami-1", "tags": ["x", {"y": 1}], "empty": {}}, "z": "last"},
  "age": 43, "big": 18446744073709551615, "real": 1.5, "yes": true, "nothing": null, "": "no name",
  "a/b": {"m~n": "escaped"}, "text": "line\n\"quoted\"\u00e9"})";

nlohmann::json Parse(absl::string_view text) {
  return nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
}

MmdsStore Filled() {
  MmdsStore store;
  EXPECT_TRUE(store.PutText(kContent).ok());
  return store;
}

std::string Nested(int depth) {
  std::string text = "1";
  for (int i = 0; i < depth; ++i) {
    text = absl::StrCat(R"({"a":)", text, "}");
  }
  return text;
}

TEST(MmdsStoreTest, IsAnEmptyObjectAtFirst) {
  const MmdsStore store;
  EXPECT_EQ(store.Text(), "{}");
  EXPECT_EQ(*store.Lookup("/", Format::kJson), "{}");
  EXPECT_EQ(*store.Lookup("/", Format::kImds), "");
}

TEST(MmdsStoreTest, PutReplacesAndSorts) {
  MmdsStore store;
  ASSERT_TRUE(store.PutText(R"({"b": 1, "a": {"d": [1, 2], "c": "x"}})").ok());
  EXPECT_EQ(store.Text(), R"({"a":{"c":"x","d":[1,2]},"b":1})");
  ASSERT_TRUE(store.Put(Parse(R"({"z":null})")).ok());
  EXPECT_EQ(store.Text(), R"({"z":null})");
}

TEST(MmdsStoreTest, PutRefusesWhatIsNoObject) {
  MmdsStore store = Filled();
  const std::string before = store.Text();
  for (const absl::string_view text : {"", "{", "[]", "1", "null", "\"a\"", "{}{}", "{\"a\":\xff}",
                                       "{\"a\":\"\xff\"}", "{'a':1}", "{\"a\":01}"}) {
    EXPECT_EQ(store.PutText(text).code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_EQ(store.Text(), before);
}

TEST(MmdsStoreTest, PatchNeedsAPut) {
  MmdsStore store;
  const absl::Status status = store.Patch(Parse(R"({"a":1})"));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "The MMDS data store is not initialized.");
  ASSERT_TRUE(store.PutText("{}").ok());
  EXPECT_TRUE(store.Patch(Parse(R"({"a":1})")).ok());
  EXPECT_EQ(store.Text(), R"({"a":1})");
}

// The examples of RFC 7396, appendix A, whose result is an object.
TEST(MmdsStoreTest, PatchMergesAsTheRfcSays) {
  const std::vector<std::vector<absl::string_view>> cases = {
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b"})", R"({"a":null})", "{}"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"({"e":null})", R"({"a":1})", R"({"a":1,"e":null})"},
      {"{}", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"}};
  for (const auto& c : cases) {
    MmdsStore store;
    ASSERT_TRUE(store.PutText(c[0]).ok());
    EXPECT_TRUE(store.Patch(Parse(c[1])).ok());
    EXPECT_EQ(store.Text(), c[2]);
  }
}

TEST(MmdsStoreTest, PatchKeepsTheContentAnObject) {
  MmdsStore store = Filled();
  const std::string before = store.Text();
  for (const absl::string_view patch : {"[1]", "null", "\"bar\"", "7"}) {
    EXPECT_EQ(store.Patch(Parse(patch)).code(), absl::StatusCode::kInvalidArgument) << patch;
  }
  EXPECT_EQ(store.Text(), before);
}

TEST(MmdsStoreTest, TheLimitIsOfTheSerializedContentAfterTheChange) {
  MmdsStore store(16);
  // 16 bytes without white space.
  ASSERT_TRUE(store.PutText(R"({ "a" : "12345678" })").ok());
  const absl::Status status = store.PutText(R"({"a":"123456789"})");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "The MMDS patch request doesn't fit.");
  EXPECT_EQ(store.Patch(Parse(R"({"b":1})")).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(store.Text(), R"({"a":"12345678"})");
  EXPECT_TRUE(store.Patch(Parse(R"({"a":null,"b":"12345678"})")).ok());
  EXPECT_EQ(store.Text(), R"({"b":"12345678"})");
}

TEST(MmdsStoreTest, TheDepthIsBounded) {
  MmdsStore store;
  EXPECT_TRUE(store.PutText(Nested(MmdsStore::kMaxDepth)).ok());
  EXPECT_FALSE(store.PutText(Nested(MmdsStore::kMaxDepth + 1)).ok());
  EXPECT_FALSE(store.Patch(Parse(Nested(MmdsStore::kMaxDepth + 1))).ok());
  EXPECT_FALSE(store.PutText(std::string(100'000, '[')).ok());
  EXPECT_FALSE(store.PutText(Nested(2'000)).ok());
}

TEST(MmdsStoreTest, FindsValuesAsJson) {
  const MmdsStore store = Filled();
  const std::vector<std::vector<absl::string_view>> cases = {
      {"/latest/meta-data/ami-id", R"("ami-1")"},
      {"/latest/meta-data/ami-id/", R"("ami-1")"},
      {"/latest/meta-data/tags", R"(["x",{"y":1}])"},
      {"/latest/meta-data/tags/0", R"("x")"},
      {"/latest/meta-data/tags/1/y", "1"},
      {"/age", "43"},
      {"/big", "18446744073709551615"},
      {"/real", "1.5"},
      {"/yes", "true"},
      {"/nothing", "null"},
      {"/a~1b/m~0n", R"("escaped")"},
      {"/text", "\"line\\n\\\"quoted\\\"\u00e9\""}};
  for (const auto& c : cases) {
    EXPECT_EQ(store.Lookup(c[0], Format::kJson).value_or("none"), c[1]) << c[0];
  }
  EXPECT_EQ(*store.Lookup("/", Format::kJson), store.Text());
  EXPECT_EQ(*store.Lookup("", Format::kJson), store.Text());
}

TEST(MmdsStoreTest, WritesObjectsAndStringsAsImds) {
  const MmdsStore store = Filled();
  const std::vector<std::vector<absl::string_view>> cases = {
      {"/latest", "meta-data/\nz"},
      {"/latest/", "meta-data/\nz"},
      {"/latest/meta-data", "ami-id\nempty/\ntags"},
      {"/latest/meta-data/empty", ""},
      {"/latest/meta-data/ami-id", "ami-1"},
      {"/latest/meta-data/tags/0", "x"},
      {"/latest/meta-data/tags/1", "y"},
      {"/text", "line\n\"quoted\"\u00e9"},
      {"/", "\na/b/\nage\nbig\nlatest/\nnothing\nreal\ntext\nyes"}};
  for (const auto& c : cases) {
    EXPECT_EQ(store.Lookup(c[0], Format::kImds).value_or("none"), c[1]) << c[0];
  }
}

TEST(MmdsStoreTest, ImdsHasNoTextForOtherValues) {
  const MmdsStore store = Filled();
  for (const absl::string_view path : {"/age", "/big", "/real", "/yes", "/nothing",
                                       "/latest/meta-data/tags", "/latest/meta-data/tags/1/y"}) {
    const auto value = store.Lookup(path, Format::kImds);
    EXPECT_EQ(value.status().code(), absl::StatusCode::kUnimplemented) << path;
    EXPECT_EQ(value.status().message(),
              "Cannot retrieve value. The value has an unsupported type.");
  }
}

TEST(MmdsStoreTest, FindsNothingElse) {
  const MmdsStore store = Filled();
  const std::string deep = std::string(50'000, '/');
  for (const absl::string_view path :
       {absl::string_view("latest"), absl::string_view("/Latest"), absl::string_view("/lates"),
        absl::string_view("/age/0"), absl::string_view("/latest/meta-data/tags/2"),
        absl::string_view("/latest/meta-data/tags/00"),
        absl::string_view("/latest/meta-data/tags/01"),
        absl::string_view("/latest/meta-data/tags/-"),
        absl::string_view("/latest/meta-data/tags/-1"),
        absl::string_view("/latest/meta-data/tags/+1"),
        absl::string_view("/latest/meta-data/tags/ 1"),
        absl::string_view("/latest/meta-data/tags/18446744073709551616"),
        absl::string_view("/latest/meta-data/tags/9223372036854775808"),
        absl::string_view("/latest/meta-data/ami-id/x"), absl::string_view("/a/b"),
        absl::string_view(deep), absl::string_view("/\xff\xff", 3), absl::string_view("/\0", 2)}) {
    EXPECT_EQ(store.Lookup(path, Format::kJson).status().code(), absl::StatusCode::kNotFound)
        << path.substr(0, 60);
  }
}

}  // namespace
}  // namespace mayfly
