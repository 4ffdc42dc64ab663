// RawTerminal on a real pseudo-terminal.

#include "api/terminal.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/owned_fd.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

class RawTerminalTest : public testing::Test {
 protected:
  void SetUp() override {
    int master = -1;
    int slave = -1;
    ASSERT_EQ(openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
    master_ = OwnedFd(master);
    slave_ = OwnedFd(slave);
  }

  tcflag_t LocalFlags() const {
    struct termios modes = {};
    EXPECT_EQ(tcgetattr(slave_.get(), &modes), 0);
    return modes.c_lflag;
  }

  OwnedFd master_;
  OwnedFd slave_;
};

TEST_F(RawTerminalTest, IsRawWhileItLivesAndRestoredAfter) {
  const tcflag_t before = LocalFlags();
  ASSERT_NE(before & (ICANON | ECHO), 0u);
  {
    const auto terminal = RawTerminal::Create(slave_.get());
    ASSERT_TRUE(terminal.ok()) << terminal.status();
    EXPECT_EQ(LocalFlags() & (ICANON | ECHO | ISIG), 0u);
  }
  EXPECT_EQ(LocalFlags(), before);
}

TEST_F(RawTerminalTest, IsRestoredWhenAFatalSignalEndsTheProcess) {
  const tcflag_t before = LocalFlags();
  for (const int fatal : {SIGSEGV, SIGABRT, SIGILL}) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      // Sanitizers have handlers of their own, which RawTerminal leaves alone.
      signal(fatal, SIG_DFL);
      const auto terminal = RawTerminal::Create(slave_.get());
      raise(fatal);
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), fatal);
    EXPECT_EQ(LocalFlags(), before);
  }
}

TEST_F(RawTerminalTest, AFileIsNoTerminal) {
  const auto file = OwnedFd::Open("/dev/null", O_RDWR);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(RawTerminal::Create(file->get()).status().message(),
            "tcgetattr: Inappropriate ioctl for device");
  EXPECT_FALSE(IsForegroundTerminal(file->get()));
}

}  // namespace
}  // namespace mayfly
