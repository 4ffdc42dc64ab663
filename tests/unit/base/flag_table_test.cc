// FlagTable: forms of flags, and one clear phrase for each mistake.

#include "base/flag_table.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

class FlagTableTest : public testing::Test {
 protected:
  absl::Status Parse(const std::vector<const char*>& arguments) { return table_.Parse(arguments); }

  std::string file_;
  bool is_verbose_ = false;
  FlagTable table_{{
      {"--file", "FILE", "a file that is read",
       [this](absl::string_view value) {
         file_ = std::string(value);
         return value == "bad" ? absl::InvalidArgumentError("is bad") : absl::OkStatus();
       }},
      {"--verbose", "", "says more",
       [this](absl::string_view) {
         is_verbose_ = true;
         return absl::OkStatus();
       }},
  }};
};

TEST_F(FlagTableTest, TakesBothForms) {
  EXPECT_TRUE(Parse({"--file", "a=b", "--verbose"}).ok());
  EXPECT_EQ(file_, "a=b");
  EXPECT_TRUE(is_verbose_);
  EXPECT_TRUE(Parse({"--file=--x"}).ok());
  EXPECT_EQ(file_, "--x");
  EXPECT_TRUE(Parse({"--file="}).ok());
  EXPECT_EQ(file_, "");
}

TEST_F(FlagTableTest, SaysWhatIsWrong) {
  EXPECT_EQ(Parse({"--nope"}).message(), "--nope is not an option of this command");
  EXPECT_EQ(Parse({"file"}).message(), "'file' is not an option");
  EXPECT_EQ(Parse({"--file"}).message(), "--file needs a value: FILE");
  EXPECT_EQ(Parse({"--verbose=1"}).message(), "--verbose takes no value");
  EXPECT_EQ(Parse({"--verbose", "--verbose"}).message(), "--verbose is given twice");
  EXPECT_EQ(Parse({"--file", "bad"}).message(), "--file: is bad");
}

TEST_F(FlagTableTest, ParsesLikeFirecracker) {
  const auto parse = [this](const std::vector<const char*>& arguments) {
    return table_.ParseLikeFirecracker(
        arguments, [](const Flag& flag, absl::string_view value) { return flag.apply(value); });
  };
  const std::vector<const char*> arguments = {"--verbose", "--file", "-x", "--", "--verbose", "y"};
  const auto rest = parse(arguments);
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(rest->size(), 2u);
  EXPECT_EQ(rest->data(), &arguments[4]);
  EXPECT_EQ(file_, "-x");
  EXPECT_TRUE(is_verbose_);
  EXPECT_EQ(parse({"--file=a"}).status().message(),
            "Found argument 'file=a' which wasn't expected, or isn't valid in this context.");
  EXPECT_EQ(parse({"--file"}).status().message(),
            "The argument 'file' requires a value, but none was supplied.");
  EXPECT_EQ(parse({"--file", "--verbose"}).status().message(),
            "The argument 'file' requires a value, but none was supplied.");
  EXPECT_EQ(parse({"--verbose", "--verbose"}).status().message(),
            "The argument 'verbose' was provided more than once.");
  EXPECT_EQ(parse({"--file", "bad"}).status().message(), "is bad");
}

TEST_F(FlagTableTest, HelpListsFlagsInColumns) {
  EXPECT_EQ(table_.Help(),
            "  --file FILE               a file that is read\n"
            "  --verbose                 says more\n");
}

TEST(ParseNumberTest, TakesDigitsInRangeOnly) {
  EXPECT_EQ(*ParseNumber("32", 1, 32), 32u);
  for (const char* text : {"0", "33", "", "-1", "+1", " 1", "1x", "0x10", "99999999999999999999"}) {
    EXPECT_THAT(ParseNumber(text, 1, 32).status().message(),
                testing::HasSubstr("must be a number from 1 to 32"))
        << text;
  }
}

}  // namespace
}  // namespace mayfly
