// HTTP lines: what single lines are refused for, and the path of a target.

#include "base/http_lines.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

absl::Status CheckTarget(absl::string_view target) {
  return CheckHttpRequestLine(absl::StrCat("GET ", target, " HTTP/1.1"),
                              HttpUnknownMethods::kRefuse);
}

TEST(HttpLinesTest, RefusesTheMethodBeforeTheTargetAndThatBeforeTheVersion) {
  const auto message = [](absl::string_view line, HttpUnknownMethods unknown_methods) {
    return std::string(CheckHttpRequestLine(line, unknown_methods).message());
  };
  EXPECT_EQ(message("A  B", HttpUnknownMethods::kRefuse),
            "Invalid HTTP Method: Unsupported HTTP method.");
  EXPECT_EQ(message("A  B", HttpUnknownMethods::kAccept), "Invalid URI: Empty URI not allowed.");
  EXPECT_EQ(message("A \x80 B", HttpUnknownMethods::kAccept),
            "Invalid URI: Cannot parse URI as UTF-8.");
  EXPECT_EQ(message("A c B", HttpUnknownMethods::kAccept),
            "Invalid HTTP Version: Unsupported HTTP version.");
  EXPECT_EQ(message("A c HTTP/1.0", HttpUnknownMethods::kAccept), "");
}

TEST(HttpLinesTest, TakesUtf8AndNothingElse) {
  for (const char* good : {"a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(CheckTarget(good).ok()) << good;
  }
  for (const char* bad :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x7f", "\xe0\x9f\xbf", "\xe1\x80",
        "\xe1\x80\xc0", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf1\x80\x80", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_FALSE(CheckTarget(bad).ok()) << bad;
    const std::string line = absl::StrCat("Name: ", bad);
    EXPECT_EQ(CheckHttpHeaderLine(line).message(),
              "Invalid header. Reason: Header contains invalid characters. Key: invalid utf-8 "
              "sequence from index 6");
  }
}

TEST(HttpLinesTest, WantsANameAndAColon) {
  EXPECT_TRUE(CheckHttpHeaderLine("A:").ok());
  EXPECT_TRUE(CheckHttpHeaderLine("A: b: c").ok());
  EXPECT_EQ(CheckHttpHeaderLine("Abc").message(),
            "Invalid header. Reason: Header is incorrectly formatted. Key: Abc");
  EXPECT_EQ(CheckHttpHeaderLine("\tA: b").message(),
            "Invalid header. Reason: Header is incorrectly formatted. Key: \tA");
}

TEST(HttpLinesTest, BlamesAValueOrTheWholeLine) {
  EXPECT_EQ(InvalidHttpHeaderValue("A: b:c").message(),
            "Invalid header. Reason: Invalid value. Key:A; Value: b:c");
  EXPECT_EQ(InvalidHttpHeaderValue("A").message(), MalformedHttpHeader("A").message());
  EXPECT_EQ(HttpHeaderTooLong("abc\xc3").message(),
            "Invalid header. Reason: Invalid content length. Header: abc");
}

TEST(HttpLinesTest, WantsPlainBytesToBeAccepted) {
  for (const char* good : {"gzip", "*", "identity", "*;q=0, identity;q=0.5", "identity; q=0"}) {
    EXPECT_TRUE(CheckHttpHeaderLine(absl::StrCat("ACCEPT-encoding: ", good)).ok()) << good;
  }
  for (const char* bad : {"", "  ", "identity;q=0", "gzip,*;q=0", "*;q=0", "br , identity;q=0"}) {
    EXPECT_FALSE(CheckHttpHeaderLine(absl::StrCat("Accept-Encoding: ", bad)).ok()) << bad;
  }
}

TEST(HttpLinesTest, TakesThePathOfATarget) {
  const std::string scheme = absl::StrCat("http:", "//");
  EXPECT_EQ(HttpPathOf(scheme + "host:1/a/b"), "/a/b");
  EXPECT_EQ(HttpPathOf(scheme + "/a"), "/a");
  EXPECT_EQ(HttpPathOf(scheme + "host"), "");
  EXPECT_EQ(HttpPathOf(scheme), "");
  EXPECT_EQ(HttpPathOf("/a"), "/a");
  EXPECT_EQ(HttpPathOf("a/b"), "");
  EXPECT_EQ(HttpPathOf(""), "");
}

}  // namespace
}  // namespace mayfly
