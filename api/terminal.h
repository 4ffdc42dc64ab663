// RawTerminal: puts a terminal into raw mode and back on every way out of the process.

#ifndef MAYFLY_API_TERMINAL_H_
#define MAYFLY_API_TERMINAL_H_

#include <memory>

#include "absl/status/statusor.h"

namespace mayfly {

// At most one at a time. While it lives, bytes arrive one by one, without echo, and Ctrl-C and the
// like are bytes, too; output is left as it was, so that "\n" still starts a line. Restores the
// modes in its destructor and when a fatal signal (SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE,
// SIGSYS) ends the process, unless LeaveFatalSignalsAlone was called. SIGTERM and the like are the
// program's to catch; SIGKILL cannot be.
class RawTerminal {
 public:
  // `fd` is a terminal whose foreground process group is ours; it stays open while the object
  // lives.
  static absl::StatusOr<std::unique_ptr<RawTerminal>> Create(int fd);
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  RawTerminal() = default;
};

// The program has handlers of fatal signals of its own, which call RestoreTerminalInSignal. Before
// the first RawTerminal.
void LeaveFatalSignalsAlone();
// For those handlers: restores what a RawTerminal changed, if there is
// one. Async-signal-safe.
void RestoreTerminalInSignal();

// Whether `fd` is a terminal that this process may read and change: not in the background of a
// shell.
bool IsForegroundTerminal(int fd);

}  // namespace mayfly

#endif  // MAYFLY_API_TERMINAL_H_
