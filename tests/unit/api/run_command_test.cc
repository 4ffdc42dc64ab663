// RunCommand: help, and wrong command lines and files, each answered by one line and a status.

#include "api/run_command.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "api/exit_status.h"
#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"

namespace mayfly {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::ExitedWithCode;
using testing::HasSubstr;
using testing::ResultOf;
using testing::StartsWith;

[[noreturn]] void RunAndExit(const std::vector<const char*>& arguments) {
  PhaseTimeline timeline(MonotonicTimeUs());
  std::exit(RunCommand(arguments, timeline, nullptr));
}

// One line, written by the monitor, with `text` in it.
auto OneLineWith(const std::string& text) {
  const auto count_lines = [](const std::string& output) {
    return std::count(output.begin(), output.end(), '\n');
  };
  return AllOf(StartsWith("mayfly"), HasSubstr(text), EndsWith("\n"), ResultOf(count_lines, 1));
}

TEST(RunCommandTest, HelpEndsWithStatus0) {
  testing::internal::CaptureStdout();
  PhaseTimeline timeline(MonotonicTimeUs());
  EXPECT_EQ(RunCommand(std::vector<const char*>{"--help"}, timeline, nullptr), kExitOk);
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("--kernel"));
}

TEST(RunCommandDeathTest, WrongCommandLinesNameTheFlag) {
  const auto exits = ExitedWithCode(kExitUsage);
  EXPECT_EXIT(RunAndExit({}), exits, OneLineWith("--kernel"));
  EXPECT_EXIT(RunAndExit({"--kernel", "k", "--vcpus", "0"}), exits, OneLineWith("--vcpus"));
  EXPECT_EXIT(RunAndExit({"--kernel", "k", "--vcpus", "33"}), exits, OneLineWith("--vcpus"));
  EXPECT_EXIT(RunAndExit({"--kernel", "k", "--memory-mib", "0"}), exits,
              OneLineWith("--memory-mib"));
  EXPECT_EXIT(RunAndExit({"--kernel", "k", "--no-such-flag"}), exits,
              OneLineWith("--no-such-flag"));
}

TEST(RunCommandDeathTest, FilesThatCannotBeOpenedAreNamed) {
  const TemporaryFile empty({});
  const auto exits = ExitedWithCode(kExitError);
  EXPECT_EXIT(RunAndExit({"--kernel", "/no/such/kernel"}), exits,
              OneLineWith("/no/such/kernel: No such file or directory"));
  EXPECT_EXIT(RunAndExit({"--kernel", "/tmp"}), exits, OneLineWith("/tmp"));
  EXPECT_EXIT(RunAndExit({"--kernel", empty.path().c_str()}), exits, OneLineWith(empty.path()));
}

TEST(RunCommandDeathTest, MissingInitrdIsNamed) {
  const std::vector<uint8_t> bytes(100, 'x');
  const TemporaryFile kernel(bytes);
  EXPECT_EXIT(RunAndExit({"--kernel", kernel.path().c_str(), "--initrd", "/no/such/initrd"}),
              ExitedWithCode(kExitError), OneLineWith("/no/such/initrd"));
}

TEST(RunCommandDeathTest, BadKernelCommandLinesAreRefused) {
  const std::string long_text(2049, 'x');
  const auto exits = ExitedWithCode(kExitError);
  EXPECT_EXIT(RunAndExit({"--kernel", "k", "--cmdline", long_text.c_str()}), exits,
              OneLineWith("--cmdline"));
  EXPECT_EXIT(RunAndExit({"--kernel", "k", "--cmdline", "quiet\ninit=/bin/sh"}), exits,
              OneLineWith("--cmdline"));
}

}  // namespace
}  // namespace mayfly
