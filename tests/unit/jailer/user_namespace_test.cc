// EnterUserNamespace: ids in it.

#include "jailer/user_namespace.h"

#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jailer/directory.h"
#include "jailer/small_file.h"
#include "tests/fakes/forked_process.h"

namespace mayfly {
namespace {

constexpr uid_t kUser = 1234;

// Runs `function` as an ordinary user.
std::string RunAsUser(const std::function<std::string()>& function) {
  return ForkedProcess::Run([&]() -> std::string {
    if (geteuid() == 0 && (setgroups(0, nullptr) != 0 || setresgid(kUser, kUser, kUser) != 0 ||
                           setresuid(kUser, kUser, kUser) != 0)) {
      return "cannot become a user";
    }
    // A change of user makes the files of the process in /proc root's; a new program has its own.
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    return function();
  });
}

TEST(UserNamespaceTest, MapsTheOwnIdsToThemselves) {
  const std::string answer = RunAsUser([]() -> std::string {
    const uid_t uid = geteuid();
    const gid_t gid = getegid();
    const absl::Status status = EnterUserNamespace(uid, gid);
    if (!status.ok()) {
      return std::string(status.message());
    }
    const auto setgroups_file = ReadSmallFile(*Directory::Open("/proc/self"), "setgroups");
    return absl::StrCat(geteuid() == uid && getegid() == gid ? "same ids, " : "other ids, ",
                        *setgroups_file);
  });
  if (absl::StrContains(answer, "only root can jail where")) {
    GTEST_SKIP() << answer;
  }
  EXPECT_EQ(answer, "same ids, deny\n");
}

TEST(UserNamespaceTest, SaysWhatForbidsIt) {
  // A process outside of its root may make none: user_namespaces(7), EPERM.
  if (geteuid() != 0) {
    GTEST_SKIP() << "only root can change its root directory";
  }
  const std::string answer = ForkedProcess::Run([]() -> std::string {
    if (chroot("/proc") != 0) {
      return "cannot change the root";
    }
    return std::string(EnterUserNamespace(0, 0).message());
  });
  EXPECT_TRUE(absl::StartsWith(
      answer, "Failed to make a user namespace: Operation not permitted (os error 1) (only root"))
      << answer;
}

}  // namespace
}  // namespace mayfly
