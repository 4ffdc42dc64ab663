// The entry of the jailer.

#include "jailer/jailer_command.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/owned_fd.h"
#include "base/status.h"
#include "jailer/jail.h"
#include "jailer/jail_cleaning.h"
#include "jailer/jailer_options.h"
#include "jailer/step_error.h"

namespace mayfly {
namespace {

constexpr int kExitOk = 0;
constexpr int kExitError = 1;
constexpr mode_t kOwnFolderMode = 0700;
constexpr char kOwnFolderName[] = "mayfly-jailer";

// What was inherited and is not passed on.
struct Inheritance {
  std::optional<std::string> runtime_folder;
  mode_t umask = 0;
};

absl::StatusOr<Inheritance> Disinherit() {
  if (syscall(SYS_close_range, STDERR_FILENO + 1, UINT32_MAX, CLOSE_RANGE_UNSHARE) != 0) {
    return StepError("Failed to close the inherited file descriptors");
  }
  // A file that lands in the place of a standard stream would go on to the program.
  int fd = 0;
  do {
    fd = open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  static_cast<void>(OwnedFd(fd));

  Inheritance inheritance;
  if (const char* const folder = getenv("XDG_RUNTIME_DIR")) {
    inheritance.runtime_folder = folder;
  }
  if (clearenv() != 0) {
    return StepError("Failed to remove the environment");
  }
  // Modes are set as they are meant; the program gets back the mask of whoever called.
  inheritance.umask = umask(0);
  return inheritance;
}

// Where the jails are: of an ordinary user, in the own folder for such things.
absl::StatusOr<std::string> BaseOf(const JailerOptions& options, const Caller& caller,
                                   const Inheritance& inheritance) {
  if (options.chroot_base) {
    return *options.chroot_base;
  }
  if (caller.is_root()) {
    return std::string(kDefaultChrootBase);
  }
  if (!inheritance.runtime_folder || inheritance.runtime_folder->empty()) {
    return absl::InvalidArgumentError(
        "Argument 'chroot-base-dir' required: there is no XDG_RUNTIME_DIR to make jails in");
  }
  std::string base = absl::StrCat(*inheritance.runtime_folder, "/", kOwnFolderName);
  if (!options.cleans && mkdir(base.c_str(), kOwnFolderMode) != 0 && errno != EEXIST) {
    return StepError(absl::StrCat("Failed to create ", base));
  }
  return base;
}

absl::Status Clean(const JailerOptions& options, const Caller& caller, std::string base) {
  return CleanJail({.base = std::move(base),
                    .name = {.program = options.ExecName(), .id = options.id},
                    .owner = caller.uid,
                    .cgroup = {.parent = options.parent_cgroup, .id = options.id},
                    .cgroup_version = options.cgroup_version});
}

absl::Status Run(std::span<const char* const> arguments, const char* version_text) {
  const int64_t start_time_us = MonotonicTimeUs();
  const int64_t start_cpu_time_us = ProcessCpuTimeUs();
  ASSIGN_OR_RETURN(const Inheritance inheritance, Disinherit());
  const Caller caller = {.uid = geteuid(), .gid = getegid()};
  ASSIGN_OR_RETURN(JailerOptions options, ParseJailerOptions(arguments, caller));
  if (options.wants_help || options.wants_version) {
    std::fputs(options.wants_help ? JailerHelp().c_str() : version_text, stdout);
    return absl::OkStatus();
  }
  if (getauxval(AT_SECURE) != 0) {
    return absl::PermissionDeniedError("Refused to run with the rights of who owns the program");
  }
  ASSIGN_OR_RETURN(std::string base, BaseOf(options, caller, inheritance));
  if (options.cleans) {
    return Clean(options, caller, std::move(base));
  }
  return RunJail({.options = std::move(options),
                  .caller = caller,
                  .base = std::move(base),
                  .umask = inheritance.umask,
                  .start_time_us = start_time_us,
                  .start_cpu_time_us = start_cpu_time_us});
}

// Names that were given may hold anything; an error is one line.
std::string OneLine(absl::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](unsigned char one) { return one < ' ' || one == 0x7f; }, '?');
  return line;
}

}  // namespace

int JailerCommand(std::span<const char* const> arguments, const char* version_text) {
  const absl::Status status = Run(arguments, version_text);
  if (!status.ok()) {
    // Standard error may be a file, and limits that were set may not be set back by everybody.
    static_cast<void>(signal(SIGXFSZ, SIG_IGN));
    std::fprintf(stderr, "mayfly-jailer: %s\n", OneLine(status.message()).c_str());
    return kExitError;
  }
  return kExitOk;
}

}  // namespace mayfly
