// RunOptions: what `mayfly run` was asked to do.

#ifndef MAYFLY_API_RUN_OPTIONS_H_
#define MAYFLY_API_RUN_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/drive_config.h"
#include "api/network_interface_config.h"
#include "vmm/guest_ram.h"

namespace mayfly {

// A plain value.
struct RunOptions {
  bool wants_help = false;
  std::string kernel_path;
  std::optional<std::string> initrd_path;
  std::string command_line;
  // It is the user's own.
  bool has_command_line = false;
  uint64_t memory_mib = 128;
  uint32_t vcpu_count = 1;
  HugePages huge_pages = HugePages::kNone;
  std::vector<DriveConfig> disks;
  std::vector<NetworkInterfaceConfig> networks;
  bool has_boot_timer = false;
  bool shows_timings = false;
  bool has_seccomp = true;
};

// InvalidArgument naming the flag and what is wrong with it. `arguments` come after "run".
absl::StatusOr<RunOptions> ParseRunOptions(std::span<const char* const> arguments);

// The text of `mayfly run --help`.
std::string RunHelp();

}  // namespace mayfly

#endif  // MAYFLY_API_RUN_OPTIONS_H_
