// Forks, where wanted, and executes the program.
//
// What may run in a forked process uses system calls only, on what was prepared before: an error
// there goes through a pipe to the jailer, which reports it and cleans up.

#include "jailer/launch.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"
#include "jailer/rollback.h"
#include "jailer/step_error.h"

namespace mayfly {
namespace {

constexpr mode_t kPidFileMode = 0644;

struct LaunchFailure {
  LaunchStep step = LaunchStep::kNone;
  int error_number = 0;
};

// Everything that the raw part uses.
struct PreparedLaunch {
  const LaunchPlan& plan;
  int root_fd;
  char* const* arguments;
  uid_t caller_uid;
  int report_fd = -1;
};

struct Pipe {
  OwnedFd read_end;
  OwnedFd write_end;
};

absl::StatusOr<Pipe> MakePipe() {
  std::array<int, 2> ends = {};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return StepError("Failed to make a pipe");
  }
  return Pipe{.read_end = OwnedFd(ends[0]), .write_end = OwnedFd(ends[1])};
}

LaunchFailure Failure(LaunchStep step) { return {.step = step, .error_number = errno}; }

// --- system calls only, from here on ---

std::optional<LaunchFailure> WritePidFile(const PreparedLaunch& launch, pid_t pid) {
  const int fd = openat(launch.root_fd, launch.plan.pid_file.c_str(),
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kPidFileMode);
  if (fd < 0) {
    return Failure(LaunchStep::kPidFile);
  }
  std::array<char, 16> digits;
  const char* const end = std::to_chars(digits.begin(), digits.end(), pid).ptr;
  const auto size = static_cast<size_t>(end - digits.data());
  // A limit of the program's on the size of files holds already: it is to fail, not to kill.
  const sighandler_t previous = signal(SIGXFSZ, SIG_IGN);
  const ssize_t count = write(fd, digits.data(), size);
  const bool is_written = count == static_cast<ssize_t>(size);
  const LaunchFailure failure = {.step = LaunchStep::kPidFile,
                                 .error_number = count < 0 ? errno : ENOSPC};
  static_cast<void>(signal(SIGXFSZ, previous));
  IgnoreResult(close(fd));
  if (!is_written) {
    IgnoreResult(unlinkat(launch.root_fd, launch.plan.pid_file.c_str(), 0));
    return failure;
  }
  return std::nullopt;
}

// Returns only when something failed.
LaunchFailure BecomeProgram(const PreparedLaunch& launch) {
  const LaunchStep failed = DropPrivileges(launch.plan.identity);
  if (failed != LaunchStep::kNone) {
    const LaunchFailure failure = Failure(failed);
    RegainPrivileges(launch.caller_uid);
    return failure;
  }
  umask(launch.plan.umask);
  char* const environment[] = {nullptr};
  execve(launch.plan.program.c_str(), launch.arguments, environment);
  const LaunchFailure failure = Failure(LaunchStep::kExecute);
  umask(0);
  RegainPrivileges(launch.caller_uid);
  return failure;
}

[[noreturn]] void Report(const PreparedLaunch& launch, const LaunchFailure& failure) {
  // A jailer that is gone has nothing to clean up with.
  IgnoreResult(write(launch.report_fd, &failure, sizeof(failure)));
  _exit(1);
}

// The process that is to become the program: waits until its pid is on record.
[[noreturn]] void RunForked(const PreparedLaunch& launch, int go_read_fd, int go_write_fd) {
  close(go_write_fd);
  char go = 0;
  if (read(go_read_fd, &go, 1) != 1) {
    _exit(1);  // The parent has reported why.
  }
  if (launch.plan.daemonizes()) {
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
      if (dup2(launch.plan.null_device.get(), stream) < 0) {
        Report(launch, Failure(LaunchStep::kStandardStreams));
      }
    }
  }
  Report(launch, BecomeProgram(launch));
}

std::optional<LaunchFailure> ForkProgram(const PreparedLaunch& launch) {
  if (launch.plan.has_new_pid_ns && unshare(CLONE_NEWPID) != 0) {
    return Failure(LaunchStep::kPidNamespace);
  }
  std::array<int, 2> go_fds = {};
  if (pipe2(go_fds.data(), O_CLOEXEC) != 0) {
    return Failure(LaunchStep::kFork);
  }
  const pid_t pid = fork();
  if (pid < 0) {
    return Failure(LaunchStep::kFork);
  }
  if (pid == 0) {
    RunForked(launch, go_fds[0], go_fds[1]);
  }
  const std::optional<LaunchFailure> failure = WritePidFile(launch, pid);
  if (!failure) {
    IgnoreResult(write(go_fds[1], "g", 1));
  }
  close(go_fds[0]);
  close(go_fds[1]);
  return failure;
}

// The middle process of a daemon: leads the session, so that the program cannot.
[[noreturn]] void RunSessionLeader(const PreparedLaunch& launch) {
  setsid();
  const std::optional<LaunchFailure> failure = ForkProgram(launch);
  if (failure) {
    Report(launch, *failure);
  }
  _exit(0);
}

// --- up to here ---

absl::Status ToStatus(const LaunchPlan& plan, const Directory& root, const LaunchFailure& failure) {
  const auto error = [&failure](const auto&... words) {
    return StepError(absl::StrCat(words...), failure.error_number);
  };
  switch (failure.step) {
    case LaunchStep::kPidFile:
      return error("Failed to write the pid file ", root.PathOf(plan.pid_file));
    case LaunchStep::kFork:
      return error("Failed to fork");
    case LaunchStep::kPidNamespace:
      return error("Failed to make a PID namespace");
    case LaunchStep::kStandardStreams:
      return error("Failed to put the standard streams on /dev/null");
    case LaunchStep::kNoNewPrivileges:
      return error("Failed to set no_new_privs");
    case LaunchStep::kCapabilities:
      return error("Failed to drop the capabilities");
    case LaunchStep::kGroup:
      return error("Failed to become group ", plan.identity.gid);
    case LaunchStep::kGroups:
      return error("Failed to leave the supplementary groups");
    case LaunchStep::kUser:
      return error("Failed to become user ", plan.identity.uid);
    case LaunchStep::kNone:
    case LaunchStep::kExecute:
      break;
  }
  return error("Failed to execute ", root.PathOf(plan.program.substr(1)));
}

void RemovePidFileWith(Rollback& rollback, const Directory& root, const std::string& name) {
  rollback.Add([root, name] { IgnoreResult(unlinkat(root.fd(), name.c_str(), 0)); });
}

// What the processes report until they are gone or are the program, whose end of the pipe is
// closed by execve(2).
std::optional<LaunchFailure> AwaitProgram(const OwnedFd& report) {
  LaunchFailure failure;
  ssize_t count = 0;
  do {
    count = read(report.get(), &failure, sizeof(failure));
  } while (count < 0 && errno == EINTR);
  return count == sizeof(failure) ? std::make_optional(failure) : std::nullopt;
}

// No control group can be removed while one of them is in it.
void AwaitChildren() {
  while (waitpid(-1, nullptr, 0) > 0) {
  }
}

absl::Status LaunchForked(PreparedLaunch launch, const Directory& root, Rollback& rollback) {
  ASSIGN_OR_RETURN(Pipe report, MakePipe());
  launch.report_fd = report.write_end.get();
  // So that the program's end can be waited for, though its parent is not this process.
  IgnoreResult(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
  std::optional<LaunchFailure> failure;
  if (launch.plan.daemonizes()) {
    const pid_t leader = fork();
    if (leader == 0) {
      RunSessionLeader(launch);
    }
    failure = leader < 0 ? std::make_optional(Failure(LaunchStep::kFork)) : std::nullopt;
  } else {
    failure = ForkProgram(launch);
  }
  report.write_end.Close();
  if (!failure) {
    failure = AwaitProgram(report.read_end);
  }
  if (!failure) {
    return absl::OkStatus();
  }
  AwaitChildren();
  if (failure->step > LaunchStep::kPidFile) {
    RemovePidFileWith(rollback, root, launch.plan.pid_file);
  }
  return ToStatus(launch.plan, root, *failure);
}

// As Firecracker has it: a fork starts the CPU time anew, and the program is told what was spent.
std::vector<std::string> Arguments(const LaunchPlan& plan) {
  const bool forks = plan.daemonizes() || plan.has_new_pid_ns;
  const int64_t spent_us = ProcessCpuTimeUs() - plan.start_cpu_time_us;
  std::vector<std::string> words = {plan.program,
                                    "--id",
                                    plan.id,
                                    "--start-time-us",
                                    absl::StrCat(plan.start_time_us),
                                    "--start-time-cpu-us",
                                    absl::StrCat(forks ? 0 : plan.start_cpu_time_us),
                                    "--parent-cpu-time-us",
                                    absl::StrCat(forks ? spent_us : 0)};
  words.insert(words.end(), plan.extra_arguments.begin(), plan.extra_arguments.end());
  return words;
}

}  // namespace

absl::Status Launch(const LaunchPlan& plan, const Directory& root, Rollback& rollback) {
  std::vector<std::string> words = Arguments(plan);
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  const PreparedLaunch launch = {
      .plan = plan, .root_fd = root.fd(), .arguments = arguments.data(), .caller_uid = geteuid()};
  if (plan.daemonizes() || plan.has_new_pid_ns) {
    return LaunchForked(launch, root, rollback);
  }
  if (const auto failure = WritePidFile(launch, getpid())) {
    return ToStatus(plan, root, *failure);
  }
  RemovePidFileWith(rollback, root, plan.pid_file);
  return ToStatus(plan, root, BecomeProgram(launch));
}

}  // namespace mayfly
