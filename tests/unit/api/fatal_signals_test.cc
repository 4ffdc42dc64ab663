// InstallFatalSignals: how a process ends by each signal, and what it still says.

#include "api/fatal_signals.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "api/metrics_writer.h"
#include "base/event_loop.h"
#include "base/log.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/fakes/temporary_file.h"

namespace mayfly {
namespace {

using testing::HasSubstr;

std::string Content(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The life of a monitor that raises a signal; 7 when it goes on.
[[noreturn]] void RaiseInMonitor(int signal, const std::string& log, const std::string& metrics) {
  StartLog("test");
  auto loop = EventLoop::Create({});
  MetricsWriter writer(loop->get(), "test", [] { return MetricsSnapshot(); });
  const bool is_ready = UpdateLog({.path = log}).ok() && InstallFatalSignals().ok() &&
                        writer.Configure({.metrics_path = metrics}).ok();
  if (!is_ready) {
    _exit(8);
  }
  writer.Write();
  raise(signal);
  writer.Write();
  _exit(7);
}

class FatalSignalsTest : public testing::Test {
 protected:
  int StatusAfter(int signal) {
    const pid_t child = fork();
    if (child == 0) {
      RaiseInMonitor(signal, log.path(), metrics.path());
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  nlohmann::json LastLine() const {
    const std::string text = Content(metrics.path());
    const size_t end = text.size() - 1;
    const size_t start = text.rfind('\n', end - 1) + 1;
    return nlohmann::json::parse(text.substr(start, end - start), nullptr, false);
  }

  const TemporaryFile log{{}};
  const TemporaryFile metrics{{}};
};

[[noreturn]] void RaiseBadSyscall() {
  if (!InstallBadSyscallHandler().ok()) {
    _exit(8);
  }
  raise(SIGSYS);
  _exit(7);
}

TEST(BadSyscallHandlerTest, SaysWhatEndedTheProcess) {
  EXPECT_EXIT(RaiseBadSyscall(), testing::ExitedWithCode(kExitSigsys),
              "mayfly: ended at a system call that the filters do not allow, number [0-9]+; "
              "see --no-seccomp");
}

TEST_F(FatalSignalsTest, EachHasItsStatusItsLogLineAndItsMetric) {
  struct Case {
    int signal;
    int status;
    const char* metric;
  };
  for (const Case& one :
       {Case{SIGBUS, 149, "sigbus"}, Case{SIGSEGV, 150, "sigsegv"}, Case{SIGXFSZ, 151, "sigxfsz"},
        Case{SIGXCPU, 154, "sigxcpu"}, Case{SIGHUP, 156, "sighup"}, Case{SIGILL, 157, "sigill"}}) {
    EXPECT_EQ(StatusAfter(one.signal), one.status) << one.metric;
    EXPECT_THAT(Content(log.path()), HasSubstr("Shutting down VM after intercepting signal " +
                                               std::to_string(one.signal) + ", code "));
    EXPECT_EQ(LastLine()["signals"][one.metric], 1) << one.metric;
  }
}

TEST_F(FatalSignalsTest, BadSystemCallIsCounted) {
  EXPECT_EQ(StatusAfter(SIGSYS), 148);
  EXPECT_THAT(Content(log.path()),
              HasSubstr("Shutting down VM after intercepting a bad syscall ("));
  EXPECT_EQ(LastLine()["seccomp"]["num_faults"], 1);
}

TEST_F(FatalSignalsTest, AbortIsAPanic) {
  EXPECT_EQ(StatusAfter(SIGABRT), -SIGABRT);
  EXPECT_EQ(LastLine()["vmm"]["panic_count"], 1);
}

TEST_F(FatalSignalsTest, BrokenPipeEndsNothing) {
  EXPECT_EQ(StatusAfter(SIGPIPE), 7);
  EXPECT_THAT(Content(log.path()), HasSubstr("Received signal 13, code "));
  EXPECT_EQ(LastLine()["signals"]["sigpipe"], 1);
}

}  // namespace
}  // namespace mayfly
