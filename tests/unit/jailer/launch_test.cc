// Launch: where the program runs, its pid file, and failures that come back from other processes.

#include "jailer/launch.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/forked_process.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LaunchTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) {
      GTEST_SKIP() << "only root has privileges to drop";
    }
  }

  LaunchPlan Plan() const {
    LaunchPlan plan;
    // Takes any arguments. The root is that of the test, as only this part of a jail is made.
    plan.program = "/bin/true";
    plan.pid_file = "true.pid";
    plan.id = "one";
    plan.identity = {.uid = geteuid(), .gid = getegid(), .keeps_groups = true};
    return plan;
  }

  // Launches in a child of this process: the error, nothing when the program took its place, or
  // "ok" when it runs in the background.
  std::string Run(const LaunchPlan& plan) const {
    return ForkedProcess::Run([&]() -> std::string {
      Rollback rollback;
      const absl::Status status = Launch(plan, *Directory::Open(folder_.path()), rollback);
      if (status.ok()) {
        rollback.Dismiss();
      }
      return status.ok() ? "ok" : std::string(status.message());
    });
  }

  TemporaryFolder folder_;
};

TEST_F(LaunchTest, SaysWhichProgramCannotBeExecutedAndRemovesThePidFile) {
  for (const bool daemonizes : {false, true}) {
    LaunchPlan plan = Plan();
    plan.program = "/none";
    if (daemonizes) {
      plan.null_device = *OwnedFd::Open("/dev/null", O_RDWR);
    }
    EXPECT_EQ(Run(plan), absl::StrCat("Failed to execute ", folder_.PathOf("none"),
                                      ": No such file or directory (os error 2)"));
    EXPECT_THAT(folder_.Names(), IsEmpty());
  }
}

TEST_F(LaunchTest, RefusesAPidFileThatIsThereAndLeavesIt) {
  for (const bool daemonizes : {false, true}) {
    ASSERT_EQ(symlink("/none", folder_.PathOf("true.pid").c_str()), 0);
    LaunchPlan plan = Plan();
    if (daemonizes) {
      plan.null_device = *OwnedFd::Open("/dev/null", O_RDWR);
    }
    EXPECT_EQ(Run(plan), absl::StrCat("Failed to write the pid file ", folder_.PathOf("true.pid"),
                                      ": File exists (os error 17)"));
    EXPECT_THAT(folder_.Names(), ElementsAre("true.pid"));
    ASSERT_EQ(unlink(folder_.PathOf("true.pid").c_str()), 0);
  }
}

TEST_F(LaunchTest, TakesThePlaceOfTheProcess) {
  EXPECT_EQ(Run(Plan()), "");
  EXPECT_THAT(folder_.Names(), ElementsAre("true.pid"));
}

TEST_F(LaunchTest, ADaemonIsOnRecordBeforeItRuns) {
  LaunchPlan plan = Plan();
  plan.null_device = *OwnedFd::Open("/dev/null", O_RDWR);
  EXPECT_EQ(Run(plan), "ok");
  const auto bytes = ReadWholeFile(folder_.PathOf("true.pid"));
  pid_t pid = 0;
  ASSERT_TRUE(absl::SimpleAtoi(std::string(bytes.begin(), bytes.end()), &pid));
  EXPECT_GT(pid, 1);
  EXPECT_NE(pid, getpid());
}

}  // namespace
}  // namespace mayfly
