// From a JSON file to one of compiled filters.

#include "jailer/seccompiler_command.h"

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "jailer/file_bytes.h"
#include "jailer/filter_file.h"
#include "jailer/filter_source.h"
#include "jailer/policy_compiler.h"
#include "jailer/seccompiler_options.h"

namespace mayfly {
namespace {

// Filters of 100,000 bytes have less text than this, comments and all.
constexpr size_t kSourceMaxBytes = size_t{4} << 20;

void DropChecks(FilterSource& source) {
  for (auto& [thread, filter] : source) {
    for (SyscallRule& rule : filter.rules) {
      rule.checks.clear();
    }
  }
}

absl::StatusOr<FilterSet> Compile(const FilterSource& source) {
  FilterSet filters;
  for (const auto& [thread, filter] : source) {
    auto program = CompilePolicy(filter.rules, filter.options);
    RETURN_IF_ERROR(Annotate(program.status(), thread));
    filters.emplace(thread, *std::move(program));
  }
  return filters;
}

absl::StatusOr<FilterSet> CompileFile(const SeccompilerOptions& options) {
  ASSIGN_OR_RETURN(const auto bytes, ReadFileBytes(options.input_file, kSourceMaxBytes));
  ASSIGN_OR_RETURN(FilterSource source,
                   ParseFilterSource({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  if (options.is_basic) {
    DropChecks(source);
  }
  return Compile(source);
}

absl::Status WriteFilters(const FilterSet& filters, const SeccompilerOptions& options) {
  if (options.splits_output) {
    for (const auto& [thread, program] : filters) {
      const std::span<const sock_filter> instructions = program;
      RETURN_IF_ERROR(WriteFileBytes(
          absl::StrCat(options.output_file, ".", thread),
          {reinterpret_cast<const uint8_t*>(instructions.data()), instructions.size_bytes()}));
    }
    return absl::OkStatus();
  }
  const std::vector<uint8_t> file = EncodeFilterFile(filters);
  if (file.size() > kFilterFileMaxBytes) {
    return absl::InvalidArgumentError(absl::StrCat(options.input_file, ": compiled it has ",
                                                   file.size(), " bytes; a monitor takes ",
                                                   kFilterFileMaxBytes));
  }
  return WriteFileBytes(options.output_file, file);
}

absl::Status Run(const SeccompilerOptions& options) {
  auto filters = CompileFile(options);
  RETURN_IF_ERROR(Annotate(filters.status(), options.input_file));
  return WriteFilters(*filters, options);
}

int Fail(int exit_status, const absl::Status& status) {
  std::fprintf(stderr, "seccompiler: %s\n", std::string(status.message()).c_str());
  return exit_status;
}

}  // namespace

int SeccompilerCommand(std::span<const char* const> arguments) {
  constexpr int kRefused = 1;
  constexpr int kWrongCommandLine = 2;
  const auto options = ParseSeccompilerOptions(arguments);
  if (!options.ok()) {
    return Fail(kWrongCommandLine, options.status());
  }
  if (options->wants_help || options->wants_version) {
    std::fputs(options->wants_help ? SeccompilerHelp().c_str()
                                   : "seccompiler v" MAYFLY_VERSION " (Mayfly)\n",
               stdout);
    return 0;
  }
  const absl::Status status = Run(*options);
  return status.ok() ? 0 : Fail(kRefused, status);
}

}  // namespace mayfly
