// ParseJailerOptions: Firecracker's command line.

#include "jailer/jailer_options.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StrEq;

constexpr Caller kRoot = {.uid = 0, .gid = 0};
constexpr Caller kOrdinary = {.uid = 1000, .gid = 100};

absl::StatusOr<JailerOptions> Parse(std::vector<const char*> arguments, Caller caller = kRoot) {
  return ParseJailerOptions(arguments, caller);
}

// The message of the error when `more` comes after a valid command line.
std::string Refusal(const std::vector<const char*>& more, Caller caller = kRoot) {
  std::vector<const char*> arguments = {"--id", "i", "--exec-file", "/bin/fc"};
  if (caller.is_root()) {
    arguments.insert(arguments.end(), {"--uid", "1", "--gid", "2"});
  }
  arguments.insert(arguments.end(), more.begin(), more.end());
  return std::string(Parse(arguments, caller).status().message());
}

TEST(JailerOptionsTest, TakesWhatMustBeGiven) {
  const auto options =
      Parse({"--id", "i-1", "--exec-file", "/usr/bin/mayfly", "--uid", "123", "--gid", "456"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->id, "i-1");
  EXPECT_EQ(options->exec_file, "/usr/bin/mayfly");
  EXPECT_EQ(options->ExecName(), "mayfly");
  EXPECT_EQ(options->uid, 123U);
  EXPECT_EQ(options->gid, 456U);
  EXPECT_EQ(options->parent_cgroup, "mayfly");
  EXPECT_FALSE(options->chroot_base || options->netns || options->cgroup_version);
  EXPECT_FALSE(options->daemonizes || options->has_new_pid_ns || options->cleans);
  EXPECT_TRUE(options->extra_arguments.empty());
}

TEST(JailerOptionsTest, TakesEverythingElse) {
  const auto options = Parse({"--id",
                              "i",
                              "--exec-file",
                              "fc",
                              "--uid",
                              "0",
                              "--gid",
                              "4294967294",
                              "--chroot-base-dir",
                              "/jails",
                              "--netns",
                              "/run/netns/a",
                              "--daemonize",
                              "--new-pid-ns",
                              "--cgroup",
                              "cpu.shares=10",
                              "--cgroup",
                              "cpuset.cpus=0",
                              "--cgroup-version",
                              "2",
                              "--parent-cgroup",
                              "all/jails",
                              "--resource-limit",
                              "fsize=1",
                              "--resource-limit",
                              "no-file=2",
                              "--",
                              "--id",
                              "--",
                              "x"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->gid, 4294967294U);
  EXPECT_EQ(options->chroot_base, "/jails");
  EXPECT_EQ(options->netns, "/run/netns/a");
  EXPECT_TRUE(options->daemonizes && options->has_new_pid_ns);
  ASSERT_EQ(options->cgroups.size(), 2U);
  EXPECT_EQ(options->cgroups[1].file, "cpuset.cpus");
  EXPECT_EQ(options->cgroup_version, CgroupVersion::k2);
  EXPECT_EQ(options->parent_cgroup, "all/jails");
  EXPECT_EQ(options->limits.size(), 2U);
  EXPECT_THAT(options->extra_arguments, ElementsAre(StrEq("--id"), StrEq("--"), StrEq("x")));
}

TEST(JailerOptionsTest, AsksForWhatIsMissing) {
  EXPECT_EQ(Parse({}).status().message(), "Argument 'id' required, but not found.");
  EXPECT_EQ(Parse({"--id", "i"}).status().message(),
            "Argument 'exec-file' required, but not found.");
  EXPECT_EQ(Parse({"--id", "i", "--exec-file", "a"}).status().message(),
            "Argument 'uid' required, but not found.");
  EXPECT_EQ(Parse({"--id", "i", "--exec-file", "a", "--uid", "1"}).status().message(),
            "Argument 'gid' required, but not found.");
}

TEST(JailerOptionsTest, ChecksTheIdFirst) {
  EXPECT_EQ(Parse({"--id", ""}).status().message(),
            "Invalid instance ID: Invalid len (0);  the length must be between 1 and 64");
}

TEST(JailerOptionsTest, RefusesWrongCommandLines) {
  EXPECT_EQ(Refusal({}), "");
  EXPECT_EQ(Refusal({"--node", "1"}),
            "Found argument 'node' which wasn't expected, or isn't valid in this context.");
  EXPECT_EQ(Refusal({"x"}),
            "Found argument 'x' which wasn't expected, or isn't valid in this context.");
  EXPECT_EQ(Refusal({"--id", "j"}), "The argument 'id' was provided more than once.");
  EXPECT_EQ(Refusal({"--netns"}), "The argument 'netns' requires a value, but none was supplied.");
  EXPECT_EQ(Refusal({"--netns", "--daemonize"}),
            "The argument 'netns' requires a value, but none was supplied.");
  EXPECT_THAT(Refusal({"--cgroup", "cpu"}), HasSubstr("--cgroup: must be CONTROLLER.NAME=VALUE"));
  EXPECT_THAT(Refusal({"--cgroup-version", "3"}), HasSubstr("must be 1 or 2, not '3'"));
  EXPECT_THAT(Refusal({"--parent-cgroup", "../a"}), HasSubstr("--parent-cgroup: must be a"));
  EXPECT_THAT(Refusal({"--resource-limit", "core=1"}), HasSubstr("--resource-limit: must be"));
}

TEST(JailerOptionsTest, RefusesUsersThatCannotBe) {
  for (const char* uid : {"-1", "4294967295", "4294967296", "root", "", "1 "}) {
    const auto options = Parse({"--id", "i", "--exec-file", "a", "--uid", uid, "--gid", "1"});
    EXPECT_THAT(std::string(options.status().message()),
                HasSubstr("--uid: must be a number from 0 to 4294967294"));
  }
}

TEST(JailerOptionsTest, RefusesProgramsWithoutAName) {
  for (const char* path : {"", "/", "a/..", "."}) {
    EXPECT_FALSE(Parse({"--id", "i", "--exec-file", path, "--uid", "1", "--gid", "1"}).ok());
  }
}

TEST(JailerOptionsTest, WhoIsNotRootGetsTheOwnIds) {
  const auto options = Parse({"--id", "i", "--exec-file", "a"}, kOrdinary);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->uid, kOrdinary.uid);
  EXPECT_EQ(options->gid, kOrdinary.gid);
  EXPECT_EQ(Refusal({"--uid", "1000", "--gid", "100"}, kOrdinary), "");
  EXPECT_EQ(Refusal({"--uid", "0"}, kOrdinary),
            "--uid 0 --gid 100: who is not root can jail as 1000 and 100 only");
}

TEST(JailerOptionsTest, CleaningNeedsNoUser) {
  const auto options = Parse({"--clean", "--id", "i", "--exec-file", "dir/a"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->cleans);
  EXPECT_EQ(options->ExecName(), "a");
}

TEST(JailerOptionsTest, HelpAndVersionNeedNothing) {
  EXPECT_TRUE(Parse({"--help"})->wants_help);
  EXPECT_TRUE(Parse({"-h"})->wants_help);
  EXPECT_TRUE(Parse({"--version"})->wants_version);
}

TEST(JailerOptionsTest, HelpNamesEveryFlag) {
  const std::string help = JailerHelp();
  for (const char* flag : {"--id ID", "--exec-file PATH", "--uid N", "--gid N",
                           "--chroot-base-dir PATH", "--netns PATH", "--daemonize", "--new-pid-ns",
                           "--cgroup FILE=VALUE", "--cgroup-version 1|2", "--parent-cgroup PATH",
                           "--resource-limit NAME=N", "--clean", "--version", "--help"}) {
    EXPECT_THAT(help, HasSubstr(absl::StrCat("  ", flag)));
  }
}

}  // namespace
}  // namespace mayfly
