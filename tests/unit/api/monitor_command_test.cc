// MonitorCommand: questions, wrong command lines and set-ups that fail, with their exit statuses.

#include "api/monitor_command.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "api/exit_status.h"
#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/fakes/temporary_file.h"
#include "tests/fakes/temporary_folder.h"
#include "tests/unit/api/snapshot_files.h"

namespace mayfly {
namespace {

using testing::ExitedWithCode;
using testing::HasSubstr;
using testing::StartsWith;

int Run(const std::vector<const char*>& arguments) {
  PhaseTimeline timeline(MonotonicTimeUs());
  return MonitorCommand(arguments, timeline, nullptr);
}

std::string OutputOf(const std::vector<const char*>& arguments) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(Run(arguments), kExitOk);
  return testing::internal::GetCapturedStdout();
}

[[noreturn]] void RunAndExit(const std::vector<const char*>& arguments) {
  std::exit(Run(arguments));
}

TEST(MonitorCommandTest, TheVersionIsTheSecondWordOfTheFirstLine) {
  EXPECT_THAT(OutputOf({"--version"}), StartsWith("Firecracker v1.17.0\n\n"));
}

TEST(MonitorCommandTest, HelpEndsWithStatus0) {
  EXPECT_THAT(OutputOf({"--help"}), HasSubstr("--api-sock"));
}

TEST(MonitorCommandDeathTest, WrongCommandLinesHaveAStatusOfTheirOwn) {
  EXPECT_EXIT(RunAndExit({"--foo"}), ExitedWithCode(kExitArguments),
              "^Arguments parsing error: Found argument 'foo' which wasn't expected, or isn't "
              "valid in this context\\. \n\nFor more information try --help\\.\n$");
}

TEST(MonitorCommandDeathTest, WrongValuesAreABadConfiguration) {
  const auto exits = ExitedWithCode(kExitBadConfiguration);
  EXPECT_EXIT(RunAndExit({"--level", "loud"}), exits, HasSubstr("'loud' is not a level"));
  EXPECT_EXIT(RunAndExit({"--id", "a_b"}), exits, HasSubstr("Invalid instance ID"));
  EXPECT_EXIT(RunAndExit({"--enable-pci"}), exits, HasSubstr("it has no PCI"));
  EXPECT_EXIT(RunAndExit({"--log-path", "/no/such/log"}), exits, HasSubstr("/no/such/log"));
}

TEST(MonitorCommandDeathTest, ASocketThatExistsIsInUse) {
  const TemporaryFile file({});
  EXPECT_EXIT(RunAndExit({"--api-sock", file.path().c_str()}), ExitedWithCode(kExitError),
              HasSubstr("Failed to open the API socket at: " + file.path() +
                        ". Check that it is not already used."));
  EXPECT_EXIT(RunAndExit({"--api-sock", "/no/such/socket"}), ExitedWithCode(kExitError),
              HasSubstr("Failed to open the API socket at: /no/such/socket"));
}

TEST(MonitorCommandDeathTest, FilesThatCannotBeReadAreNamed) {
  const auto exits = ExitedWithCode(kExitError);
  EXPECT_EXIT(RunAndExit({"--no-api", "--config-file", "/no/such/config"}), exits,
              HasSubstr("Unable to open or read from the configuration file"));
  const TemporaryFile empty({});
  EXPECT_EXIT(RunAndExit({"--no-api", "--config-file", empty.path().c_str()}), exits,
              HasSubstr("Configuration for VMM from one single json failed: EOF while parsing a "
                        "value at line 1 column 0"));
  EXPECT_EXIT(RunAndExit({"--no-api", "--config-file", empty.path().c_str(), "--metadata",
                          "/no/such/metadata"}),
              exits, HasSubstr("Unable to open or read from the mmds content file"));
  EXPECT_EXIT(RunAndExit({"--no-api", "--config-file", empty.path().c_str(), "--metadata",
                          empty.path().c_str()}),
              exits, HasSubstr("Populating MMDS from file failed"));
  EXPECT_EXIT(RunAndExit({"--metrics-path", "/no/such/metrics"}), exits,
              HasSubstr("--metrics-path"));
}

TEST(MonitorCommandTest, SnapshotsHaveAVersionAndAreDescribed) {
  EXPECT_EQ(OutputOf({"--snapshot-version"}), "v1.0.0\n");
  const SnapshotFiles files;
  const std::string text = OutputOf({"--describe-snapshot", files.state_path().c_str()});
  EXPECT_TRUE(nlohmann::json::accept(text)) << text;
  EXPECT_THAT(text, HasSubstr("1.0.0"));
}

TEST(MonitorCommandDeathTest, AFileThatIsNoSnapshotIsNotDescribed) {
  const auto exits = ExitedWithCode(kExitError);
  EXPECT_EXIT(RunAndExit({"--describe-snapshot", "/no/such/state"}), exits,
              HasSubstr("Error: /no/such/state: "));
  const TemporaryFile empty({});
  EXPECT_EXIT(RunAndExit({"--describe-snapshot", empty.path().c_str()}), exits,
              HasSubstr("Error: " + empty.path() + ": File too short to contain CRC"));
}

TEST(MonitorCommandDeathTest, ARestoreThatFailsNamesTheFile) {
  const auto exits = ExitedWithCode(kExitError);
  EXPECT_EXIT(RunAndExit({"--no-api", "--restore", "/no/such/folder"}), exits,
              HasSubstr("Error: Load snapshot error: Failed to restore from snapshot: Failed to "
                        "get snapshot state from file: Failed to open snapshot file: No such file "
                        "or directory (os error 2) (/no/such/folder/state)"));
  const TemporaryFolder folder;
  const std::string request = folder.PathOf("request");
  WriteWholeFile(request, {'{', '}'});
  EXPECT_EXIT(
      RunAndExit({"--no-api", "--restore", request.c_str()}), exits,
      HasSubstr("Error: " + request + ": missing field `snapshot_path` at line 1 column 2"));
}

}  // namespace
}  // namespace mayfly
