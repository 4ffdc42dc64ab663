// Terminal modes.

#include "api/terminal.h"

#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <array>

#include "base/status.h"

namespace mayfly {
namespace {

constexpr std::array<int, 5> kFatalSignals = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE};

// Global because a signal handler needs it. Written before the handlers are installed and after
// they are removed.
struct SavedModes {
  int fd = -1;
  struct termios modes = {};
  volatile bool is_raw = false;
};
SavedModes g_saved;

// Async-signal-safe. SA_RESETHAND put the default action back, so that returning, or raising again,
// ends the process.
void RestoreAndDie(int signal) {
  tcsetattr(g_saved.fd, TCSANOW, &g_saved.modes);
  raise(signal);
}

bool g_has_own_handlers = false;

void SetFatalHandlers(void (*handler)(int)) {
  if (g_has_own_handlers) {
    return;
  }
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int signal : kFatalSignals) {
    sigaction(signal, &action, nullptr);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<RawTerminal>> RawTerminal::Create(int fd) {
  g_saved.fd = fd;
  if (tcgetattr(fd, &g_saved.modes) != 0) {
    return ErrnoError("tcgetattr");
  }
  SetFatalHandlers(RestoreAndDie);
  struct termios raw = g_saved.modes;
  raw.c_iflag &=
      ~static_cast<tcflag_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  if (tcsetattr(fd, TCSANOW, &raw) != 0) {
    const absl::Status error = ErrnoError("tcsetattr");
    SetFatalHandlers(SIG_DFL);
    return error;
  }
  g_saved.is_raw = true;
  return std::unique_ptr<RawTerminal>(new RawTerminal());
}

void LeaveFatalSignalsAlone() { g_has_own_handlers = true; }

void RestoreTerminalInSignal() {
  if (g_saved.is_raw) {
    tcsetattr(g_saved.fd, TCSANOW, &g_saved.modes);
  }
}

RawTerminal::~RawTerminal() {
  // A terminal that is gone has no modes to restore.
  (void)tcsetattr(g_saved.fd, TCSANOW, &g_saved.modes);
  g_saved.is_raw = false;
  SetFatalHandlers(SIG_DFL);
}

bool IsForegroundTerminal(int fd) { return isatty(fd) != 0 && tcgetpgrp(fd) == getpgrp(); }

}  // namespace mayfly
