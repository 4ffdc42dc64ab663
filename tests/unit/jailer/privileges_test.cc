// DropPrivileges: what is left before and after a program is executed.

#include "jailer/privileges.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/owned_fd.h"
#include "gtest/gtest.h"
#include "tests/fakes/forked_process.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

constexpr uid_t kUser = 1234;
constexpr gid_t kGroup = 2345;

class PrivilegesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) {
      GTEST_SKIP() << "only root has privileges to drop";
    }
  }

  // The rest of the line of /proc/PID/status.
  static std::string Field(absl::string_view status, absl::string_view name) {
    for (const absl::string_view line : absl::StrSplit(status, '\n')) {
      if (absl::StartsWith(line, absl::StrCat(name, ":"))) {
        return std::string(line.substr(name.size() + 2));
      }
    }
    return "none";
  }
};

TEST_F(PrivilegesTest, AnExecutedProgramHasNone) {
  for (const uid_t uid : {kUser, uid_t{0}}) {
    TemporaryFolder folder;
    const OwnedFd output(open(folder.PathOf("status").c_str(), O_WRONLY | O_CREAT, 0600));
    const std::string failure = ForkedProcess::Run([&]() -> std::string {
      if (DropPrivileges({.uid = uid, .gid = kGroup}) != LaunchStep::kNone ||
          dup2(output.get(), STDOUT_FILENO) < 0) {
        return "not dropped";
      }
      execl("/bin/cat", "cat", "/proc/self/status", nullptr);
      return "not executed";
    });
    ASSERT_EQ(failure, "");
    const auto bytes = ReadWholeFile(folder.PathOf("status"));
    const std::string status(bytes.begin(), bytes.end());
    const std::string same = absl::StrCat(uid, "\t", uid, "\t", uid, "\t", uid);
    EXPECT_EQ(Field(status, "Uid"), same) << status;
    EXPECT_EQ(Field(status, "Gid"), "2345\t2345\t2345\t2345");
    EXPECT_EQ(Field(status, "Groups"), " ");
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
      EXPECT_EQ(Field(status, set), "0000000000000000") << set;
    }
    EXPECT_EQ(Field(status, "NoNewPrivs"), "1");
  }
}

TEST_F(PrivilegesTest, TheyComeBackWhenNothingWasExecuted) {
  EXPECT_EQ(ForkedProcess::Run([]() -> std::string {
              if (DropPrivileges({.uid = kUser, .gid = kGroup}) != LaunchStep::kNone) {
                return "failed";
              }
              const bool was_user = getuid() == kUser && geteuid() == kUser;
              const bool could_read = open("/proc/1/environ", O_RDONLY) >= 0;
              RegainPrivileges(0);
              // What takes a capability.
              const bool is_root = geteuid() == 0 && setegid(0) == 0;
              return absl::StrCat(was_user ? "user " : "", could_read ? "reader " : "",
                                  is_root ? "root" : "");
            }),
            "user root");
}

TEST_F(PrivilegesTest, SaysWhichStepFailed) {
  EXPECT_EQ(ForkedProcess::Run([]() -> std::string {
              if (setresuid(kUser, kUser, kUser) != 0) {
                return "cannot become a user";
              }
              return DropPrivileges({.uid = 0, .gid = 0}) == LaunchStep::kCapabilities ? "yes"
                                                                                       : "no";
            }),
            "yes");
}

}  // namespace
}  // namespace mayfly
