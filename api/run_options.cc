// The flags of `mayfly run`.

#include "api/run_options.h"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "api/device_flags.h"
#include "base/flag_table.h"
#include "base/status.h"
#include "vmm/guest_layout.h"
#include "vmm/kernel_command_line.h"

namespace mayfly {
namespace {

// A guest with a console on its serial port, which restarts by the keyboard controller and does not
// look for a mouse.
constexpr absl::string_view kDefaultRunCommandLine =
    "console=ttyS0 reboot=k panic=-1 i8042.noaux i8042.nomux i8042.dumbkbd swiotlb=noforce";

// Keeps the size in bytes far from overflow; what the host has is checked when RAM is made.
constexpr uint64_t kMaxMemoryMib = uint64_t{1} << 32;

absl::Status SetPath(absl::string_view value, std::string& path) {
  if (value.empty()) {
    return absl::InvalidArgumentError("needs a file name");
  }
  path = std::string(value);
  return absl::OkStatus();
}

template <typename T>
absl::Status SetNumber(absl::string_view value, uint64_t min, uint64_t max, T& number) {
  ASSIGN_OR_RETURN(const uint64_t parsed, ParseNumber(value, min, max));
  number = static_cast<T>(parsed);
  return absl::OkStatus();
}

absl::Status SetHugePages(absl::string_view value, HugePages& huge_pages) {
  if (value == "None") {
    huge_pages = HugePages::kNone;
  } else if (value == "Transparent") {
    huge_pages = HugePages::kTransparent;
  } else if (value == "2M") {
    huge_pages = HugePages::k2M;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("must be None, Transparent or 2M, not '", value, "'"));
  }
  return absl::OkStatus();
}

std::function<absl::Status(absl::string_view)> SetTo(bool& target, bool value) {
  return [&target, value](absl::string_view) {
    target = value;
    return absl::OkStatus();
  };
}

// Has the guest boot from its first disk, where nothing else says what it is to boot from.
void SetRoot(RunOptions& options) {
  if (!options.has_command_line && !options.initrd_path && !options.disks.empty()) {
    absl::StrAppend(&options.command_line, " root=/dev/vda ",
                    options.disks.front().is_read_only ? "ro" : "rw");
  }
}

// A disk or card given twice is two of them.
template <typename T>
void MakeNamesUnique(std::vector<T>& devices, std::string T::*name) {
  std::map<std::string, int> counts;
  for (T& device : devices) {
    const int count = ++counts[device.*name];
    if (count > 1) {
      absl::StrAppend(&(device.*name), " (", count, ")");
    }
  }
}

// Each card owns its descriptor: two would close it twice.
absl::Status CheckTapDescriptors(const RunOptions& options) {
  std::set<int> seen;
  for (const NetworkInterfaceConfig& network : options.networks) {
    if (network.tap_fd >= 0 && !seen.insert(network.tap_fd).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("--net fd: ", network.tap_fd, " is given to two network cards"));
    }
  }
  return absl::OkStatus();
}

absl::Status SetQueueCounts(RunOptions& options) {
  for (DriveConfig& disk : options.disks) {
    uint16_t& queue_count = disk.num_queues;
    if (queue_count > options.vcpu_count) {
      return absl::InvalidArgumentError(
          absl::StrCat("--disk queues: must be at most the number of vCPUs, ", options.vcpu_count));
    }
    if (queue_count == 0) {
      queue_count = static_cast<uint16_t>(options.vcpu_count);
    }
  }
  return absl::OkStatus();
}

// The flags in the order a user meets them.
FlagTable RunFlags(RunOptions& options) {
  using absl::string_view;
  return FlagTable({
      {"--kernel", "FILE", "kernel to boot: an uncompressed ELF vmlinux or a bzImage (required)",
       [&](string_view value) { return SetPath(value, options.kernel_path); }},
      {"--initrd", "FILE", "initial RAM disk (initramfs) for the kernel",
       [&](string_view value) { return SetPath(value, options.initrd_path.emplace()); }},
      {"--cmdline", "TEXT",
       absl::StrCat("kernel command line, instead of: ", kDefaultRunCommandLine,
                    " (and root=/dev/vda with a disk and no --initrd). 'pci=off' and the "
                    "devices are always added."),
       [&](string_view value) {
         options.command_line = std::string(value);
         options.has_command_line = true;
         return absl::OkStatus();
       }},
      {"--memory-mib", "N", "guest RAM in MiB, at most what the host has (default 128)",
       [&](string_view value) { return SetNumber(value, 1, kMaxMemoryMib, options.memory_mib); }},
      {"--vcpus", "N", absl::StrCat("virtual CPUs, 1 to ", layout::kMaxVcpus, " (default 1)"),
       [&](string_view value) {
         return SetNumber(value, 1, layout::kMaxVcpus, options.vcpu_count);
       }},
      {"--huge-pages", "KIND",
       "what backs guest RAM: None, Transparent, or 2M from the host's pool (default None)",
       [&](string_view value) { return SetHugePages(value, options.huge_pages); }},
      {"--disk", "SETTINGS",
       "a disk (/dev/vda, then vdb, ...): path=FILE [,ro] [,direct] [,cache=Writeback|Unsafe] "
       "[,id=TEXT] [,queues=N] [,nodiscard] [,bandwidth=LIMIT] [,ops=LIMIT], without blanks. FILE "
       "is "
       "a raw image or a block device; direct goes past the host's page cache; LIMIT is "
       "AMOUNT[/REFILL_MS[/BURST]]. Repeatable.",
       [&](string_view value) -> absl::Status {
         ASSIGN_OR_RETURN(options.disks.emplace_back(), ParseDiskFlag(value));
         return absl::OkStatus();
       },
       true},
      {"--net", "SETTINGS",
       "a network card on an existing TAP: tap=NAME|fd=N [,mac=MAC] [,mtu=N] [,rx-bandwidth=LIMIT] "
       "[,rx-ops=LIMIT] [,tx-bandwidth=LIMIT] [,tx-ops=LIMIT]. Repeatable.",
       [&](string_view value) -> absl::Status {
         ASSIGN_OR_RETURN(options.networks.emplace_back(), ParseNetFlag(value));
         return absl::OkStatus();
       },
       true},
      {"--boot-timer", "",
       "print the time from here to the guest's writing the byte 123 to address 0xC0000000",
       SetTo(options.has_boot_timer, true)},
      {"--timings", "", "print how long each phase of the start took, in microseconds",
       SetTo(options.shows_timings, true)},
      {"--no-seccomp", "", "install no system call filters", SetTo(options.has_seccomp, false)},
      {"--help", "", "print this text", SetTo(options.wants_help, true)},
  });
}

}  // namespace

absl::StatusOr<RunOptions> ParseRunOptions(std::span<const char* const> arguments) {
  RunOptions options;
  options.command_line = std::string(kDefaultRunCommandLine);
  RETURN_IF_ERROR(RunFlags(options).Parse(arguments));
  if (options.kernel_path.empty() && !options.wants_help) {
    return absl::InvalidArgumentError("--kernel is required");
  }
  MakeNamesUnique(options.disks, &DriveConfig::drive_id);
  MakeNamesUnique(options.networks, &NetworkInterfaceConfig::iface_id);
  RETURN_IF_ERROR(SetQueueCounts(options));
  RETURN_IF_ERROR(CheckTapDescriptors(options));
  SetRoot(options);
  return options;
}

std::string RunHelp() {
  RunOptions unused;
  return absl::StrCat(
      "Usage: mayfly run --kernel FILE [OPTION]...\n"
      "Boots a kernel in a micro-VM with its serial console on this terminal.\n\n",
      RunFlags(unused).Help(),
      "\nOn a terminal, press Ctrl-A and then:\n"
      "  x        end the VM at once\n"
      "  d        send Ctrl-Alt-Del to the guest\n"
      "  a        send Ctrl-A to the guest\n"
      "  r        open the disks' files again: for one that grew or was exchanged\n"
      "  h        list these keys\n"
      "When input is not a terminal, its end is sent to the guest as Ctrl-D.\n"
      "The signal USR1 opens the disks' files again, as Ctrl-A r does.\n\n"
      "Exit status: 0 when the guest reboots or powers off, or by the escape key; 1 when the\n"
      "host or a file refuses something; 2 for a wrong command line; 3 when the guest cannot go\n"
      "on (triple fault, unknown exit, emulation failure); 128 + N when ended by signal N.\n");
}

}  // namespace mayfly
