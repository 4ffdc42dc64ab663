// FlagTable: forms of flags, and one clear phrase for each mistake.

#include "api/flag_table.h"

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
