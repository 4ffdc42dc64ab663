// ParseSeccompilerOptions: each flag in each form, and what is wrong with others.

#include "jailer/seccompiler_options.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using Arguments = std::vector<const char*>;

std::string Error(const Arguments& arguments) {
  const auto options = ParseSeccompilerOptions(arguments);
  return options.ok() ? "none" : std::string(options.status().message());
}

TEST(SeccompilerOptionsTest, TakesLongFlags) {
  const Arguments arguments = {"--input-file",  "in",  "--target-arch", "x86_64",
                               "--output-file", "out", "--basic",       "--split-output"};
  const auto options = ParseSeccompilerOptions(arguments);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->input_file, "in");
  EXPECT_EQ(options->output_file, "out");
  EXPECT_TRUE(options->is_basic);
  EXPECT_TRUE(options->splits_output);
  EXPECT_FALSE(options->wants_help);
}

TEST(SeccompilerOptionsTest, TakesShortFlagsAndEqualSigns) {
  const Arguments short_flags = {"-i", "in", "-t", "X86_64", "-o", "-", "-b"};
  const auto options = ParseSeccompilerOptions(short_flags);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->input_file, "in");
  EXPECT_EQ(options->output_file, "-");
  EXPECT_TRUE(options->is_basic);
  EXPECT_FALSE(options->splits_output);
  const Arguments equal_signs = {"--input-file=a=b", "--target-arch=x86_64"};
  const auto others = ParseSeccompilerOptions(equal_signs);
  ASSERT_TRUE(others.ok()) << others.status();
  EXPECT_EQ(others->input_file, "a=b");
  EXPECT_EQ(others->output_file, "seccomp_binary_filter.out");
  EXPECT_FALSE(others->is_basic);
}

TEST(SeccompilerOptionsTest, HelpAndVersionNeedNothingElse) {
  for (const char* flag : {"--help", "-h"}) {
    EXPECT_TRUE(ParseSeccompilerOptions(Arguments{flag})->wants_help) << flag;
  }
  for (const char* flag : {"--version", "-V"}) {
    EXPECT_TRUE(ParseSeccompilerOptions(Arguments{flag})->wants_version) << flag;
  }
}

TEST(SeccompilerOptionsTest, SaysWhatIsWrong) {
  EXPECT_EQ(Error({}), "--input-file is missing");
  EXPECT_EQ(Error({"-i", "in"}), "--target-arch is missing");
  EXPECT_EQ(Error({"-i", "in", "-t", "aarch64"}), "--target-arch: must be x86_64, not 'aarch64'");
  EXPECT_EQ(Error({"-i", "in", "--input-file", "in"}), "--input-file: given twice");
  EXPECT_EQ(Error({"--input-file"}), "--input-file: needs a value");
  EXPECT_EQ(Error({"--input-file="}), "--input-file: needs a value");
  EXPECT_EQ(Error({"-i", ""}), "--input-file: needs a value");
  EXPECT_EQ(Error({"--basic=yes"}), "--basic: takes no value");
  for (const char* argument : {"in", "", "-x", "--none", "-", "--", "-i=in", "=x"}) {
    EXPECT_TRUE(absl::StartsWith(Error({argument}), "unknown argument '")) << argument;
  }
}

TEST(SeccompilerOptionsTest, HelpNamesEachFlag) {
  const std::string help = SeccompilerHelp();
  for (const char* flag :
       {"--input-file FILE", "--target-arch ARCH", "--output-file FILE", "--basic",
        "--split-output", "--version", "--help", kDefaultFilterFile}) {
    EXPECT_TRUE(absl::StrContains(help, flag)) << flag;
  }
}

}  // namespace
}  // namespace mayfly
