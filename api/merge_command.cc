// The entry of `mayfly merge-memory`.

#include "api/merge_command.h"

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "api/exit_status.h"
#include "base/flag_table.h"
#include "base/status.h"
#include "snapshot/memory_merge.h"

namespace mayfly {
namespace {

struct MergeOptions {
  bool wants_help = false;
  std::string base_path;
  std::string diff_path;
};

absl::Status SetPath(absl::string_view value, std::string& path) {
  if (value.empty()) {
    return absl::InvalidArgumentError("needs a file name");
  }
  path = std::string(value);
  return absl::OkStatus();
}

FlagTable MergeFlags(MergeOptions& options) {
  using absl::string_view;
  return FlagTable({
      {"--base", "FILE", "memory file that the diff was made after; replaced when all is written",
       [&](string_view value) { return SetPath(value, options.base_path); }},
      {"--diff", "FILE", "memory file of the diff snapshot; not changed",
       [&](string_view value) { return SetPath(value, options.diff_path); }},
      {"--help", "", "print this text",
       [&](string_view) {
         options.wants_help = true;
         return absl::OkStatus();
       }},
  });
}

absl::StatusOr<MergeOptions> ParseMergeOptions(std::span<const char* const> arguments) {
  MergeOptions options;
  RETURN_IF_ERROR(MergeFlags(options).Parse(arguments));
  if (!options.wants_help && (options.base_path.empty() || options.diff_path.empty())) {
    return absl::InvalidArgumentError("--base and --diff are required");
  }
  return options;
}

std::string MergeHelp() {
  MergeOptions unused;
  return absl::StrCat(
      "Usage: mayfly merge-memory --base FILE --diff FILE\n"
      "Puts the memory file of a diff snapshot onto the memory file of the snapshot before it.\n"
      "The base then goes with the diff's state file.\n\n",
      MergeFlags(unused).Help(),
      "\nHoles of the diff are pages that did not change: copy it only by what keeps holes.\n\n"
      "Exit status: 0 when the files are merged; 1 when the host or a file refuses something,\n"
      "and then the base is as it was; 2 for a wrong command line.\n");
}

}  // namespace

int MergeCommand(std::span<const char* const> arguments) {
  const absl::StatusOr<MergeOptions> options = ParseMergeOptions(arguments);
  if (!options.ok()) {
    std::fprintf(stderr, "mayfly merge-memory: %s; see 'mayfly merge-memory --help'\n",
                 std::string(options.status().message()).c_str());
    return kExitUsage;
  }
  if (options->wants_help) {
    std::fputs(MergeHelp().c_str(), stdout);
    return kExitOk;
  }
  const absl::StatusOr<uint64_t> merged_bytes = MergeMemory(options->base_path, options->diff_path);
  if (!merged_bytes.ok()) {
    std::fprintf(stderr, "mayfly: %s\n", std::string(merged_bytes.status().message()).c_str());
    return kExitError;
  }
  std::fprintf(stdout, "%" PRIu64 " bytes merged\n", *merged_bytes);
  return kExitOk;
}

}  // namespace mayfly
