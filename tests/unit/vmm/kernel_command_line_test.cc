// KernelCommandLine: limits, and where arguments are added.

#include "vmm/kernel_command_line.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using ::testing::HasSubstr;

std::string Refusal(absl::string_view text) {
  const auto command_line = KernelCommandLine::Parse(text);
  EXPECT_EQ(command_line.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(command_line.status().message());
}

// The text after `argument` was added to `text`.
std::string Appended(absl::string_view text, absl::string_view argument) {
  auto command_line = KernelCommandLine::Parse(text);
  EXPECT_TRUE(command_line.ok()) << command_line.status();
  const absl::Status status = command_line->Append(argument);
  EXPECT_TRUE(status.ok()) << status;
  return command_line->text();
}

std::string AppendRefusal(absl::string_view text, absl::string_view argument) {
  auto command_line = KernelCommandLine::Parse(text);
  EXPECT_TRUE(command_line.ok()) << command_line.status();
  const absl::Status status = command_line->Append(argument);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(command_line->text(), text);
  return std::string(status.message());
}

TEST(KernelCommandLineTest, KeepsTheTextAsItIs) {
  EXPECT_EQ(KernelCommandLine::Parse("")->text(), "");
  EXPECT_EQ(KernelCommandLine::Parse("  a=\"b c\"  ~ ")->text(), "  a=\"b c\"  ~ ");
  EXPECT_TRUE(KernelCommandLine::Parse(kDefaultKernelCommandLine).ok());
}

TEST(KernelCommandLineTest, HoldsOneByteLessThanTheLimit) {
  EXPECT_TRUE(KernelCommandLine::Parse(std::string(2047, 'a')).ok());
  EXPECT_EQ(Refusal(std::string(2048, 'a')),
            "kernel command line of 2048 bytes; at most 2047 are allowed");
}

TEST(KernelCommandLineTest, RefusesEverythingButPrintableAscii) {
  for (int value = 0; value < 256; ++value) {
    const std::string text = {'a', static_cast<char>(value)};
    EXPECT_EQ(KernelCommandLine::Parse(text).ok(), value >= 0x20 && value < 0x7f) << value;
  }
  EXPECT_THAT(Refusal("quiet\nro"), HasSubstr("byte 0x0a at offset 5"));
  EXPECT_THAT(Refusal("caf\xc3\xa9"), HasSubstr("byte 0xc3 at offset 3"));
}

TEST(KernelCommandLineTest, AppendsAtTheEndWithOneSpace) {
  EXPECT_EQ(Appended("", "pci=off"), "pci=off");
  EXPECT_EQ(Appended("quiet", "pci=off"), "quiet pci=off");
  EXPECT_EQ(Appended("quiet ", "pci=off"), "quiet pci=off");
  EXPECT_EQ(Appended("quiet", "root=/dev/vda ro"), "quiet root=/dev/vda ro");
}

TEST(KernelCommandLineTest, AppendsBeforeTheArgumentsOfInit) {
  EXPECT_EQ(Appended("quiet -- -l", "pci=off"), "quiet pci=off -- -l");
  EXPECT_EQ(Appended("quiet  --  -l", "pci=off"), "quiet  pci=off --  -l");
  EXPECT_EQ(Appended("-- -l", "pci=off"), "pci=off -- -l");
  EXPECT_EQ(Appended("quiet --", "pci=off"), "quiet pci=off --");
  EXPECT_EQ(Appended("quiet -- a -- b", "pci=off"), "quiet pci=off -- a -- b");
}

TEST(KernelCommandLineTest, OnlyAWholeWordIsTheSeparator) {
  EXPECT_EQ(Appended("a-- --b ---", "c"), "a-- --b --- c");
  EXPECT_EQ(Appended("a=-- -", "c"), "a=-- - c");
}

TEST(KernelCommandLineTest, QuotedDashesAreNoSeparator) {
  EXPECT_EQ(Appended("a=\"b -- c\"", "d"), "a=\"b -- c\" d");
  EXPECT_EQ(Appended("\"a -- b\" -- c", "d"), "\"a -- b\" d -- c");
}

// The kernel drops the quotes around a word before it looks for dashes.
TEST(KernelCommandLineTest, AQuotedWordOfDashesIsTheSeparator) {
  EXPECT_EQ(Appended("a \"--\" b", "c"), "a c \"--\" b");
  EXPECT_EQ(Appended("a \"--", "c"), "a c \"--");
}

TEST(KernelCommandLineTest, QuotesAfterTheSeparatorDoNotMatter) {
  EXPECT_EQ(Appended("a -- \"b", "c"), "a c -- \"b");
}

TEST(KernelCommandLineTest, AppendsSeveralInOrder) {
  auto command_line = KernelCommandLine::Parse("a -- z");
  ASSERT_TRUE(command_line.ok());
  EXPECT_TRUE(command_line->Append("b").ok());
  EXPECT_TRUE(command_line->Append("c=\"d e\"").ok());
  EXPECT_EQ(command_line->text(), "a b c=\"d e\" -- z");
}

TEST(KernelCommandLineTest, RefusesWhatItCannotAppend) {
  EXPECT_THAT(AppendRefusal("a", ""), HasSubstr("empty"));
  EXPECT_THAT(AppendRefusal("a", "  "), HasSubstr("empty"));
  EXPECT_THAT(AppendRefusal("a", "b -- c"), HasSubstr("\"--\" of its own"));
  EXPECT_THAT(AppendRefusal("a", "b=\"c"), HasSubstr("unclosed double quote"));
  EXPECT_THAT(AppendRefusal("a=\"b", "c"), HasSubstr("unclosed double quote"));
  EXPECT_THAT(AppendRefusal("a", "b\n"), HasSubstr("byte 0x0a"));
  EXPECT_EQ(AppendRefusal(std::string(2040, 'a') + " -- b", "cd"),
            "kernel command line of 2048 bytes; at most 2047 are allowed");
}

}  // namespace
}  // namespace mayfly
