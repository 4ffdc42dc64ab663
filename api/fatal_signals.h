// Fatal signals: the monitor's last words, and its exit statuses, when a signal ends it.

#ifndef MAYFLY_API_FATAL_SIGNALS_H_
#define MAYFLY_API_FATAL_SIGNALS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mayfly {

// Firecracker's exit statuses for them, from 148 on (docs/mayfly.1).
inline constexpr int kExitSigsys = 148;
inline constexpr int kExitSigbus = 149;
inline constexpr int kExitSigsegv = 150;
inline constexpr int kExitSigxfsz = 151;
inline constexpr int kExitSigxcpu = 154;
inline constexpr int kExitSighup = 156;
inline constexpr int kExitSigill = 157;

// For the whole process, once, after SignalWatch. SIGSYS, SIGBUS, SIGSEGV, SIGXFSZ, SIGXCPU, SIGHUP
// and SIGILL log a line, restore the terminal (api/terminal.h), write a last line of metrics
// (MetricsWriter) and end the process; SIGABRT, which a failed check of our own raises, writes the
// metrics and aborts. SIGPIPE is logged and counted, and nothing ends.
absl::Status InstallFatalSignals();

// For `mayfly run`, which has no log: SIGSYS, which a filter of system calls raises, restores the
// terminal, says on standard error which call it was, and ends the process with kExitSigsys.
absl::Status InstallBadSyscallHandler();

// Which file to name when SIGBUS comes of memory that cannot be reached: the one behind the guest's
// RAM. Its path is cut after PATH_MAX bytes. Loop thread, before the guest runs.
void NameMemoryFile(absl::string_view path);

// Since InstallFatalSignals. Any thread.
uint64_t SigpipeCount();

}  // namespace mayfly

#endif  // MAYFLY_API_FATAL_SIGNALS_H_
