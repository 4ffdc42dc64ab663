// RunJail: errors before anything is made. Whole jails are tested in tests/jailer.

#include "jailer/jail.h"

#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class JailTest : public testing::Test {
 protected:
  JailTest() {
    WriteWholeFile(folder_.PathOf("fc"), {1});
    request_.options.id = "one";
    request_.options.exec_file = folder_.PathOf("fc");
    request_.options.uid = geteuid();
    request_.options.gid = getegid();
    request_.options.parent_cgroup = "fc";
    request_.caller = {.uid = geteuid(), .gid = getegid()};
    request_.base = folder_.path();
  }

  std::string Refusal() { return std::string(RunJail(request_).message()); }

  TemporaryFolder folder_;
  JailRequest request_;
};

TEST_F(JailTest, NeedsAProgramAndABase) {
  request_.options.exec_file = "/none";
  EXPECT_EQ(Refusal(), "Failed to canonicalize path /none: No such file or directory (os error 2)");
  request_.options.exec_file = folder_.PathOf("fc");
  request_.base = "/no-base";
  EXPECT_EQ(Refusal(),
            "Failed to canonicalize path /no-base: No such file or directory (os error 2)");
}

TEST_F(JailTest, LeavesNothingWhenAStepFails) {
  TemporaryFolder base;
  request_.base = base.path();
  request_.options.netns = folder_.PathOf("fc");
  if (geteuid() != 0) {
    GTEST_SKIP() << "a user namespace would hold this process for good";
  }
  EXPECT_EQ(Refusal(), absl::StrCat(folder_.PathOf("fc"), " is not a network namespace"));
  EXPECT_TRUE(base.Names().empty());
}

TEST_F(JailTest, RefusesAPlaceThatIsAFile) {
  EXPECT_THAT(Refusal(), HasSubstr("fc: Not a directory (os error 20)"));
  EXPECT_THAT(folder_.Names(), ElementsAre("fc"));
}

}  // namespace
}  // namespace mayfly
