// Landlock on a process of its own, where the kernel has it.

#include "jailer/landlock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>

#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

using testing::ExitedWithCode;

int LandlockAbi() { return static_cast<int>(syscall(SYS_landlock_create_ruleset, nullptr, 0, 1)); }

class LandlockTest : public testing::Test {
 protected:
  void SetUp() override {
    if (LandlockAbi() < 1) {
      GTEST_SKIP() << "this kernel has no Landlock";
    }
  }

  // Restricted; ends with the errno of `attempt`, 0 for success, 100 when Landlock failed.
  template <typename Attempt>
  [[noreturn]] static void Try(Attempt attempt) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    const auto abi = RestrictWithLandlock();
    if (!abi.ok() || *abi != LandlockAbi()) {
      _exit(100);
    }
    _exit(attempt() < 0 ? errno : 0);
  }

  TemporaryFolder folder_;
};

TEST_F(LandlockTest, FilesAreMadeWrittenReadRenamedAndRemoved) {
  const std::string path = folder_.path() + "/file";
  const std::string other = folder_.path() + "/other";
  EXPECT_EXIT(Try([&] {
                const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
                return fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 0) != 0 ||
                               rename(path.c_str(), other.c_str()) != 0
                           ? -1
                           : unlink(other.c_str());
              }),
              ExitedWithCode(0), "");
}

TEST_F(LandlockTest, NothingIsExecutedAndNoOtherKindOfFileMade) {
  const std::string path = folder_.path() + "/new";
  EXPECT_EXIT(Try([] { return execl("/bin/true", "true", nullptr); }), ExitedWithCode(EACCES), "");
  EXPECT_EXIT(Try([&] { return mkdir(path.c_str(), 0700); }), ExitedWithCode(EACCES), "");
  EXPECT_EXIT(Try([&] { return symlink("/", path.c_str()); }), ExitedWithCode(EACCES), "");
  EXPECT_EXIT(Try([&] { return mkfifo(path.c_str(), 0600); }), ExitedWithCode(EACCES), "");
}

TEST_F(LandlockTest, SignalsStayInsideTheProcess) {
  if (LandlockAbi() < 6) {
    GTEST_SKIP() << "Landlock keeps signals inside from ABI 6 (Linux 6.12) on";
  }
  EXPECT_EXIT(Try([] { return kill(getppid(), 0); }), ExitedWithCode(EPERM), "");
  EXPECT_EXIT(Try([] { return kill(getpid(), 0); }), ExitedWithCode(0), "");
}

}  // namespace
}  // namespace mayfly
