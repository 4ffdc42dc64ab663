// Everything in the handlers is async-signal-safe.

#include "api/fatal_signals.h"

#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "api/metrics_writer.h"
#include "api/terminal.h"
#include "base/log.h"
#include "base/status.h"
#include "base/text_buffer.h"

namespace mayfly {
namespace {

struct Exit {
  int signal;
  int status;
};

constexpr std::array kExits = {
    Exit{SIGSYS, kExitSigsys},   Exit{SIGBUS, kExitSigbus},   Exit{SIGSEGV, kExitSigsegv},
    Exit{SIGXFSZ, kExitSigxfsz}, Exit{SIGXCPU, kExitSigxcpu}, Exit{SIGHUP, kExitSighup},
    Exit{SIGILL, kExitSigill},
};

std::atomic<uint64_t> g_sigpipe_count{0};
std::array<char, PATH_MAX> g_memory_path;
std::atomic<size_t> g_memory_path_size{0};

void LogSignal(absl::string_view before, int first, absl::string_view between, int second,
               absl::string_view end) {
  std::array<char, 128> storage;
  TextBuffer text(storage);
  text.Append(before);
  text.AppendNumber(first);
  text.Append(between);
  if (second >= 0) {
    text.AppendNumber(second);
  }
  text.Append(end);
  WriteLogInSignal(__FILE__, __LINE__, text.text());
}

void LogMemoryFile() {
  const size_t size = g_memory_path_size.load(std::memory_order_acquire);
  if (size == 0) {
    return;
  }
  std::array<char, PATH_MAX + 64> storage;
  TextBuffer text(storage);
  text.Append("The memory file may have been cut off or its disk failed: ");
  text.Append({g_memory_path.data(), size});
  WriteLogInSignal(__FILE__, __LINE__, text.text());
}

void OnFatal(int signal, siginfo_t* info, void* /*context*/) {
  if (signal == SIGSYS) {
    LogSignal("Shutting down VM after intercepting a bad syscall (", info->si_syscall, "", -1,
              ").");
  } else {
    LogSignal("Shutting down VM after intercepting signal ", signal, ", code ", info->si_code, ".");
  }
  // Not when a process sent it.
  if (signal == SIGBUS && info->si_code > 0) {
    LogMemoryFile();
  }
  RestoreTerminalInSignal();
  MetricsWriter::WriteInSignal(signal);
  for (const Exit& exit : kExits) {
    if (exit.signal == signal) {
      _exit(exit.status);
    }
  }
}

void OnBadSyscall(int /*signal*/, siginfo_t* info, void* /*context*/) {
  RestoreTerminalInSignal();
  std::array<char, 160> storage;
  TextBuffer text(storage);
  text.Append("mayfly: ended at a system call that the filters do not allow, number ");
  text.AppendNumber(info->si_syscall);
  text.Append("; see --no-seccomp\n");
  (void)!write(STDERR_FILENO, text.text().data(), text.text().size());
  _exit(kExitSigsys);
}

void OnAbort(int signal) {
  RestoreTerminalInSignal();
  MetricsWriter::WriteInSignal(signal);
  ::signal(signal, SIG_DFL);
  raise(signal);
}

void OnPipe(int signal, siginfo_t* info, void* /*context*/) {
  g_sigpipe_count.fetch_add(1, std::memory_order_relaxed);
  LogSignal("Received signal ", signal, ", code ", info->si_code, ".");
}

absl::Status Install(int signal, void (*handler)(int, siginfo_t*, void*), int flags) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | flags;
  if (sigaction(signal, &action, nullptr) != 0) {
    return ErrnoError("sigaction");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status InstallFatalSignals() {
  LeaveFatalSignalsAlone();
  for (const Exit& exit : kExits) {
    // The second of its kind, from within the handler, ends the process as it would have anyway.
    RETURN_IF_ERROR(Install(exit.signal, OnFatal, static_cast<int>(SA_RESETHAND | SA_NODEFER)));
  }
  RETURN_IF_ERROR(Install(SIGPIPE, OnPipe, SA_RESTART));
  if (::signal(SIGABRT, OnAbort) == SIG_ERR) {
    return ErrnoError("signal");
  }
  return absl::OkStatus();
}

absl::Status InstallBadSyscallHandler() {
  return Install(SIGSYS, OnBadSyscall, static_cast<int>(SA_RESETHAND | SA_NODEFER));
}

void NameMemoryFile(absl::string_view path) {
  const size_t size = std::min(path.size(), g_memory_path.size());
  std::copy_n(path.begin(), size, g_memory_path.begin());
  g_memory_path_size.store(size, std::memory_order_release);
}

uint64_t SigpipeCount() { return g_sigpipe_count.load(std::memory_order_relaxed); }

}  // namespace mayfly
