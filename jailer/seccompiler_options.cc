// The flags of the seccompiler.

#include "jailer/seccompiler_options.h"

#include <algorithm>
#include <set>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly {
namespace {

using absl::string_view;

constexpr size_t kHelpColumn = 26;

// One flag: `text` takes its value, or `is_given` is set.
struct SeccompilerFlag {
  string_view name;
  string_view short_name;
  string_view placeholder;
  string_view help;
  std::string* text = nullptr;
  bool* is_given = nullptr;
};

template <typename... Parts>
absl::Status Fault(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

// In the order a user meets them.
std::vector<SeccompilerFlag> Flags(SeccompilerOptions& options) {
  return {
      {"--input-file", "-i", "FILE", "JSON file of filters", &options.input_file},
      {"--target-arch", "-t", "ARCH", "where the filters are for: x86_64", &options.target_arch},
      {"--output-file", "-o", "FILE", "where the compiled filters go (default below)",
       &options.output_file},
      {"--basic", "-b", "", "deprecated: leave out all checks of arguments", nullptr,
       &options.is_basic},
      {"--split-output", "", "", "write FILE.THREAD for each thread: plain BPF", nullptr,
       &options.splits_output},
      {"--version", "-V", "", "print the version", nullptr, &options.wants_version},
      {"--help", "-h", "", "print this text", nullptr, &options.wants_help},
  };
}

// Takes the argument at the front, and its value.
absl::Status TakeFlag(std::span<const char* const>& arguments,
                      const std::vector<SeccompilerFlag>& flags, std::set<string_view>& seen) {
  const string_view argument = arguments.front();
  arguments = arguments.subspan(1);
  const size_t equals = absl::StartsWith(argument, "--") ? argument.find('=') : argument.npos;
  const string_view name = argument.substr(0, equals);
  const auto flag = std::find_if(flags.begin(), flags.end(), [&](const SeccompilerFlag& one) {
    return !name.empty() && (name == one.name || name == one.short_name);
  });
  if (flag == flags.end()) {
    return Fault("unknown argument '", argument, "'");
  }
  if (!seen.insert(flag->name).second) {
    return Fault(flag->name, ": given twice");
  }
  if (flag->text == nullptr) {
    *flag->is_given = true;
    return equals == argument.npos ? absl::OkStatus() : Fault(flag->name, ": takes no value");
  }
  if (equals == argument.npos && arguments.empty()) {
    return Fault(flag->name, ": needs a value");
  }
  if (equals != argument.npos) {
    *flag->text = std::string(argument.substr(equals + 1));
  } else {
    *flag->text = arguments.front();
    arguments = arguments.subspan(1);
  }
  return flag->text->empty() ? Fault(flag->name, ": needs a value") : absl::OkStatus();
}

}  // namespace

absl::StatusOr<SeccompilerOptions> ParseSeccompilerOptions(std::span<const char* const> arguments) {
  SeccompilerOptions options;
  const std::vector<SeccompilerFlag> flags = Flags(options);
  std::set<string_view> seen;
  while (!arguments.empty()) {
    RETURN_IF_ERROR(TakeFlag(arguments, flags, seen));
  }
  if (options.wants_help || options.wants_version) {
    return options;
  }
  if (options.input_file.empty()) {
    return Fault("--input-file is missing");
  }
  if (options.target_arch.empty()) {
    return Fault("--target-arch is missing");
  }
  if (!absl::EqualsIgnoreCase(options.target_arch, "x86_64")) {
    return Fault("--target-arch: must be x86_64, not '", options.target_arch, "'");
  }
  return options;
}

std::string SeccompilerHelp() {
  std::string help =
      "Usage: seccompiler --input-file FILE --target-arch x86_64 [OPTION]...\n"
      "Compiles the system call filters of a JSON file, in Firecracker's form, into a file for\n"
      "'mayfly --seccomp-filter'.\n\n";
  SeccompilerOptions unused;
  for (const SeccompilerFlag& flag : Flags(unused)) {
    std::string line = absl::StrCat("  ", flag.short_name.empty() ? "  " : flag.short_name, " ",
                                    flag.name, " ", flag.placeholder);
    line.resize(std::max(line.size() + 1, kHelpColumn + 2), ' ');
    absl::StrAppend(&help, line, flag.help, "\n");
  }
  absl::StrAppend(&help, "\nThe default of --output-file is ", kDefaultFilterFile,
                  ".\nExit status: 0; 1 when a file refuses something; 2 for a wrong command "
                  "line.\n");
  return help;
}

}  // namespace mayfly
