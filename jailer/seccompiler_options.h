// SeccompilerOptions: the command line of the seccompiler, which is Firecracker's.

#ifndef MAYFLY_JAILER_SECCOMPILER_OPTIONS_H_
#define MAYFLY_JAILER_SECCOMPILER_OPTIONS_H_

#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace mayfly {

inline constexpr char kDefaultFilterFile[] = "seccomp_binary_filter.out";

// A plain value.
struct SeccompilerOptions {
  bool wants_help = false;
  bool wants_version = false;

  std::string input_file;
  std::string output_file = kDefaultFilterFile;
  // x86_64 only, in any letters.
  std::string target_arch;
  // Without checks of arguments.
  bool is_basic = false;
  // For each thread a file of the kernel's struct sock_filter.
  bool splits_output = false;
};

// InvalidArgument that says what is wrong. `arguments` come after the program's name.
absl::StatusOr<SeccompilerOptions> ParseSeccompilerOptions(std::span<const char* const> arguments);

// The text of --help.
std::string SeccompilerHelp();

}  // namespace mayfly

#endif  // MAYFLY_JAILER_SECCOMPILER_OPTIONS_H_
