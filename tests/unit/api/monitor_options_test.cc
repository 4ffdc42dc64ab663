// ParseMonitorOptions: every flag of Firecracker's command line, and its words for wrong ones.

#include "api/monitor_options.h"

#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using testing::HasSubstr;

absl::StatusOr<MonitorOptions> Parse(const std::vector<const char*>& arguments) {
  return ParseMonitorOptions(arguments);
}

TEST(MonitorOptionsTest, NothingIsValid) {
  const auto options = Parse({});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->api_socket, "/run/firecracker.socket");
  EXPECT_EQ(options->id, "anonymous-instance");
  EXPECT_EQ(options->config_file, std::nullopt);
  EXPECT_TRUE(options->has_api);
  EXPECT_TRUE(options->has_seccomp);
  EXPECT_EQ(options->payload_max_bytes, 51200u);
  EXPECT_EQ(options->mmds_size_limit_bytes, std::nullopt);
  EXPECT_FALSE(options->has_boot_timer);
  EXPECT_FALSE(options->wants_help);
}

TEST(MonitorOptionsTest, TakesPathsAndNames) {
  const auto options = Parse({"--api-sock",
                              "s",
                              "--id",
                              "vm-1",
                              "--config-file",
                              "c",
                              "--metadata",
                              "d",
                              "--log-path",
                              "l",
                              "--level",
                              "Debug",
                              "--module",
                              "api",
                              "--metrics-path",
                              "m",
                              "--seccomp-filter",
                              "f",
                              "--describe-snapshot",
                              "x"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->api_socket, "s");
  EXPECT_EQ(options->id, "vm-1");
  EXPECT_EQ(options->config_file, "c");
  EXPECT_EQ(options->metadata_file, "d");
  EXPECT_EQ(options->log_path, "l");
  EXPECT_EQ(options->level, "Debug");
  EXPECT_EQ(options->module, "api");
  EXPECT_EQ(options->metrics_path, "m");
  EXPECT_EQ(options->seccomp_filter, "f");
  EXPECT_EQ(options->describe_snapshot, "x");
}

TEST(MonitorOptionsTest, TakesNumbersAndSwitches) {
  const auto options = Parse({"--no-api",
                              "--config-file",
                              "c",
                              "--boot-timer",
                              "--show-level",
                              "--show-log-origin",
                              "--no-seccomp",
                              "--http-api-max-payload-size",
                              "250",
                              "--mmds-size-limit",
                              "300",
                              "--start-time-us",
                              "1",
                              "--start-time-cpu-us",
                              "2",
                              "--parent-cpu-time-us",
                              "3",
                              "--enable-pci",
                              "--version",
                              "--snapshot-version"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_FALSE(options->has_api);
  EXPECT_TRUE(options->has_boot_timer);
  EXPECT_TRUE(options->shows_level);
  EXPECT_TRUE(options->shows_log_origin);
  EXPECT_FALSE(options->has_seccomp);
  EXPECT_EQ(options->payload_max_bytes, 250u);
  EXPECT_EQ(options->mmds_size_limit_bytes, 300u);
  EXPECT_EQ(options->start_time_us, 1u);
  EXPECT_EQ(options->start_time_cpu_us, 2u);
  EXPECT_EQ(options->parent_cpu_time_us, 3u);
  EXPECT_TRUE(options->enables_pci);
  EXPECT_TRUE(options->wants_version);
  EXPECT_TRUE(options->wants_snapshot_version);
}

TEST(MonitorOptionsTest, SaysWhatIsWrongInFirecrackersWords) {
  struct Case {
    std::vector<const char*> arguments;
    const char* error;
  };
  const Case cases[] = {
      {{"--foo"}, "Found argument 'foo' which wasn't expected, or isn't valid in this context."},
      {{"foo"}, "Found argument 'foo' which wasn't expected, or isn't valid in this context."},
      {{"--id=x"}, "Found argument 'id=x' which wasn't expected, or isn't valid in this context."},
      {{"--id"}, "The argument 'id' requires a value, but none was supplied."},
      {{"--id", "--no-api"}, "The argument 'id' requires a value, but none was supplied."},
      {{"--id", "a", "--id", "b"}, "The argument 'id' was provided more than once."},
      {{"-h", "--help"}, "The argument 'help' was provided more than once."},
      {{"--no-api"}, "Argument 'config-file' required, but not found."},
      {{"--restore", "r", "--config-file", "c"},
       "Argument 'restore' cannot be used together with argument 'config-file'."},
      {{"--restore"}, "The argument 'restore' requires a value, but none was supplied."},
      {{"--no-seccomp", "--seccomp-filter", "f"},
       "Argument 'seccomp-filter' cannot be used together with argument 'no-seccomp'."},
      {{"--mmds-size-limit", "much"},
       "The argument 'mmds-size-limit' must be a decimal number, not 'much'."},
      {{"--start-time-us", "-1"},
       "The argument 'start-time-us' must be a decimal number, not '-1'."},
  };
  for (const Case& one : cases) {
    const auto options = Parse(one.arguments);
    EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(options.status().message(), one.error);
  }
}

TEST(MonitorOptionsTest, ARestoreTakesThePlaceOfAConfigurationFile) {
  const auto options = Parse({"--restore", "r", "--no-api"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->restore, "r");
  EXPECT_FALSE(options->has_api);
  EXPECT_EQ(Parse({"--id", "a"})->restore, std::nullopt);
  // With a socket, and with metadata.
  EXPECT_TRUE(Parse({"--restore", "r", "--api-sock", "s", "--metadata", "m"}).ok());
}

TEST(MonitorOptionsTest, WhatFollowsTwoDashesIsNobodys) {
  const auto options = Parse({"--id", "a", "--", "--id", "b", "nonsense"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->id, "a");
}

TEST(MonitorOptionsTest, QuestionsNeedNothingElse) {
  EXPECT_TRUE(Parse({"-h", "--no-api"})->wants_help);
  EXPECT_TRUE(Parse({"--version", "--no-api"})->wants_version);
  EXPECT_TRUE(Parse({"--snapshot-version", "--no-api"})->wants_snapshot_version);
  EXPECT_EQ(Parse({"--describe-snapshot", "x", "--no-api"})->describe_snapshot, "x");
}

TEST(MonitorOptionsTest, HelpListsEveryFlag) {
  for (const char* flag : {"--api-sock PATH",
                           "--id",
                           "--config-file",
                           "--restore PATH",
                           "--no-api",
                           "--metadata",
                           "--boot-timer",
                           "--log-path",
                           "--level",
                           "--show-level",
                           "--show-log-origin",
                           "--module",
                           "--metrics-path",
                           "--no-seccomp",
                           "--seccomp-filter",
                           "--http-api-max-payload-size",
                           "--mmds-size-limit",
                           "--start-time-us",
                           "--version",
                           "--snapshot-version",
                           "--describe-snapshot PATH",
                           "--help",
                           "mayfly run",
                           "mayfly merge-memory --base FILE --diff FILE"}) {
    EXPECT_THAT(MonitorHelp(), HasSubstr(flag));
  }
}

}  // namespace
}  // namespace mayfly
