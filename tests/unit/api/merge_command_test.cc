// MergeCommand: sparse files merged, help, and wrong command lines and files, each with its status.

#include "api/merge_command.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "api/exit_status.h"
#include "base/owned_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::ExitedWithCode;
using testing::HasSubstr;
using testing::StartsWith;

constexpr size_t kPage = 4096;

[[noreturn]] void RunAndExit(const std::vector<const char*>& arguments) {
  std::exit(MergeCommand(arguments));
}

std::string OutputOf(const std::vector<const char*>& arguments) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(MergeCommand(arguments), kExitOk);
  return testing::internal::GetCapturedStdout();
}

class MergeCommandTest : public testing::Test {
 protected:
  // Sixteen pages that are all holes but for those given, each full of its value.
  static void WriteSparse(const std::string& path,
                          const std::vector<std::pair<size_t, uint8_t>>& pages) {
    const OwnedFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_EQ(ftruncate(file.get(), 16 * kPage), 0);
    for (const auto& [page, value] : pages) {
      const std::vector<uint8_t> bytes(kPage, value);
      ASSERT_EQ(pwrite(file.get(), bytes.data(), kPage, static_cast<off_t>(page * kPage)),
                static_cast<ssize_t>(kPage));
    }
  }

  TemporaryFolder folder_;
  const std::string base_ = folder_.PathOf("base");
  const std::string diff_ = folder_.PathOf("diff");
};

TEST_F(MergeCommandTest, TheBaseGetsTheDiffsPages) {
  WriteSparse(base_, {{0, 1}, {3, 1}, {15, 1}});
  WriteSparse(diff_, {{3, 2}, {7, 2}});
  const std::vector<uint8_t> diff_before = ReadWholeFile(diff_);
  EXPECT_EQ(OutputOf({"--base", base_.c_str(), "--diff", diff_.c_str()}), "8192 bytes merged\n");
  std::vector<uint8_t> expected(16 * kPage);
  const std::pair<size_t, uint8_t> pages[] = {{0, 1}, {3, 2}, {7, 2}, {15, 1}};
  for (const auto& [page, value] : pages) {
    std::fill_n(expected.begin() + static_cast<std::ptrdiff_t>(page * kPage), kPage, value);
  }
  EXPECT_EQ(ReadWholeFile(base_), expected);
  EXPECT_EQ(ReadWholeFile(diff_), diff_before);
  EXPECT_EQ(folder_.Names(), (std::vector<std::string>{"base", "diff"}));
}

TEST_F(MergeCommandTest, HelpEndsWithStatus0) {
  EXPECT_THAT(OutputOf({"--help"}), AllOf(HasSubstr("--base FILE"), HasSubstr("--diff FILE")));
}

using MergeCommandDeathTest = MergeCommandTest;

TEST_F(MergeCommandDeathTest, WrongCommandLinesNameTheFlag) {
  const auto exits = ExitedWithCode(kExitUsage);
  const auto line_with = [](const std::string& text) {
    return AllOf(StartsWith("mayfly merge-memory: "), HasSubstr(text),
                 EndsWith("; see 'mayfly merge-memory --help'\n"));
  };
  EXPECT_EXIT(RunAndExit({}), exits, line_with("--base and --diff are required"));
  EXPECT_EXIT(RunAndExit({"--base", "b"}), exits, line_with("--base and --diff are required"));
  EXPECT_EXIT(RunAndExit({"--diff="}), exits, line_with("--diff"));
  EXPECT_EXIT(RunAndExit({"--base", "b", "--base", "b"}), exits, line_with("--base"));
  EXPECT_EXIT(RunAndExit({"b", "d"}), exits, line_with("b"));
}

TEST_F(MergeCommandDeathTest, FilesThatDoNotDoAreNamedAndLeftAlone) {
  WriteSparse(base_, {{1, 1}});
  const std::vector<uint8_t> before = ReadWholeFile(base_);
  const auto exits = ExitedWithCode(kExitError);
  EXPECT_EXIT(RunAndExit({"--base", base_.c_str(), "--diff", diff_.c_str()}), exits,
              HasSubstr("mayfly: " + diff_ + ": open: No such file or directory"));
  EXPECT_EXIT(RunAndExit({"--base", base_.c_str(), "--diff", base_.c_str()}), exits,
              HasSubstr(base_ + ": is the base itself"));
  WriteWholeFile(diff_, {1, 2, 3});
  EXPECT_EXIT(RunAndExit({"--base", base_.c_str(), "--diff", diff_.c_str()}), exits,
              HasSubstr("the diff has 3 bytes, but the base " + base_ + " has 65536"));
  EXPECT_EQ(ReadWholeFile(base_), before);
  EXPECT_EQ(folder_.Names(), (std::vector<std::string>{"base", "diff"}));
}

}  // namespace
}  // namespace mayfly
