// PseudoTerminal: a raw terminal and the end at which somebody types.

#ifndef MAYFLY_TESTS_FAKES_PSEUDO_TERMINAL_H_
#define MAYFLY_TESTS_FAKES_PSEUDO_TERMINAL_H_

#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <string>

#include "base/owned_fd.h"
#include "gtest/gtest.h"

namespace mayfly {

struct PseudoTerminal {
  PseudoTerminal() {
    controller = OwnedFd(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    EXPECT_EQ(grantpt(controller.get()), 0);
    EXPECT_EQ(unlockpt(controller.get()), 0);
    terminal = OwnedFd(open(ptsname(controller.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    termios raw = {};
    EXPECT_EQ(tcgetattr(terminal.get(), &raw), 0);
    cfmakeraw(&raw);
    EXPECT_EQ(tcsetattr(terminal.get(), TCSANOW, &raw), 0);
  }

  void Type(const std::string& text) const {
    EXPECT_EQ(write(controller.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  // Closing it hangs the terminal up.
  OwnedFd controller;
  OwnedFd terminal;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_PSEUDO_TERMINAL_H_
