// The rules of configuring a VM, in Firecracker's words.

#include "api/vm_resources.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/fault.h"
#include "api/limiter_schema.h"
#include "base/status.h"
#include "devices/mmds/mmds_config.h"
#include "vmm/kernel_command_line.h"

namespace mayfly {
namespace {

constexpr uint32_t kMaxBlockBytes = 4096;

constexpr absl::string_view kBlockPrefix =
    "Drive config error: Unable to create the virtio block device: ";
constexpr absl::string_view kNetworkPrefix = "Network config error: ";
constexpr absl::string_view kNetPrefix =
    "Network config error: Could not create the network device: ";

absl::StatusOr<BackingFile> OpenBackingFile(const DriveConfig& config) {
  auto file = BackingFile::Open({.path = *config.path_on_host,
                                 .is_read_only = config.is_read_only,
                                 .is_direct = config.direct});
  if (!file.ok()) {
    return FaultFrom(
        file.status(),
        absl::StrCat(kBlockPrefix, "Virtio backend error: Error manipulating the backing file: "),
        absl::StrCat(" ", *config.path_on_host));
  }
  return file;
}

absl::StatusOr<Tap> OpenTap(const NetworkInterfaceConfig& config, Tap::Missing missing) {
  if (config.tap_fd >= 0) {
    return Tap::Adopt(OwnedFd(config.tap_fd));
  }
  auto tap = Tap::Open(config.host_dev_name, missing);
  if (tap.ok()) {
    return tap;
  }
  const std::string prefix = absl::StrCat(kNetPrefix, "Open tap device failed: ");
  if (absl::StartsWith(tap.status().message(), "TUNSETIFF")) {
    return FaultFrom(tap.status(), absl::StrCat(prefix, "Error while creating ifreq structure: "),
                     absl::StrCat(". Invalid TUN/TAP Backend provided by ", config.host_dev_name,
                                  ". Check our documentation on setting up the network devices."));
  }
  return FaultFrom(tap.status(), prefix);
}

absl::Status CheckMtu(const NetworkInterfaceConfig& config) {
  if (config.mtu && *config.mtu < kNetMinMtu) {
    return Fault(kNetPrefix, "MTU ", *config.mtu, " is out of range [", kNetMinMtu, ", 65535]");
  }
  return absl::OkStatus();
}

// Mayfly's own settings and those that are new in Firecracker.
absl::Status CheckBlockOptions(const DriveConfig& config) {
  if (config.socket) {
    return Fault("The requested operation is not supported: vhost-user-block device.");
  }
  if (!config.path_on_host) {
    return Fault(kBlockPrefix, "Invalid block config.");
  }
  if (config.blk_size &&
      (!std::has_single_bit(*config.blk_size) || *config.blk_size < BackingFile::kSectorBytes ||
       *config.blk_size > kMaxBlockBytes)) {
    return Fault(kBlockPrefix, "blk_size must be a power of two from ", BackingFile::kSectorBytes,
                 " to ", kMaxBlockBytes, ".");
  }
  if (config.num_queues == 0) {
    return Fault(kBlockPrefix, "num_queues must be at least 1.");
  }
  if (config.serial.size() > BlockLimits::kIdBytes) {
    return Fault(kBlockPrefix, "serial must have at most ", BlockLimits::kIdBytes, " bytes.");
  }
  return absl::OkStatus();
}

std::string RootArguments(const DriveConfig& root) {
  return absl::StrCat(
      root.partuuid ? absl::StrCat("root=PARTUUID=", *root.partuuid) : "root=/dev/vda",
      root.is_read_only ? " ro" : " rw");
}

}  // namespace

absl::Status VmResources::SetMachine(const MachineConfigUpdate& config) {
  const MachineConfig defaults = {.cpu_template = machine_.cpu_template};
  const auto machine = UpdateMachineConfig(defaults, config);
  if (!machine.ok()) {
    return Fault("Machine config error: ", machine.status().message());
  }
  TakeMachine(*machine, config);
  return absl::OkStatus();
}

absl::Status VmResources::UpdateMachine(const MachineConfigUpdate& update) {
  const auto machine = UpdateMachineConfig(machine_, update);
  if (!machine.ok()) {
    return Fault("Machine config error: ", machine.status().message());
  }
  TakeMachine(*machine, update);
  return absl::OkStatus();
}

void VmResources::TakeMachine(const MachineConfig& machine, const MachineConfigUpdate& update) {
  machine_ = machine;
  if (update.cpu_template) {
    // The last of the two ways to say it counts.
    cpu_.reset();
  }
}

absl::Status VmResources::SetBootSource(const BootSourceConfig& config) {
  auto kernel = ImageFile::Open(config.kernel_image_path);
  if (!kernel.ok()) {
    return FaultFrom(kernel.status(), "Boot source error: The kernel file cannot be opened: ");
  }
  BootSource boot = {.kernel = *std::move(kernel)};
  if (config.initrd_path) {
    auto initrd = ImageFile::Open(*config.initrd_path);
    if (!initrd.ok()) {
      return FaultFrom(
          initrd.status(),
          "Boot source error: The initrd file cannot be opened due to invalid path or invalid "
          "permissions. ");
    }
    boot.initrd = *std::move(initrd);
  }
  const auto command_line =
      KernelCommandLine::Parse(config.boot_args.value_or(std::string(kDefaultKernelCommandLine)));
  if (!command_line.ok()) {
    return FaultFrom(command_line.status(),
                     "Boot source error: The kernel command line is invalid: ");
  }
  boot_config_ = config;
  boot_ = std::move(boot);
  return absl::OkStatus();
}

void VmResources::SetCpu(const CpuConfig& config) {
  cpu_ = config;
  machine_.cpu_template = StaticCpuTemplate::kNone;
}

absl::Status VmResources::SetDrive(const DriveConfig& config) {
  RETURN_IF_ERROR(CheckBlockOptions(config));
  const auto same = std::find_if(drives_.begin(), drives_.end(), [&](const Drive& drive) {
    return drive.config.drive_id == config.drive_id;
  });
  const bool has_other_root = std::any_of(drives_.begin(), drives_.end(), [&](const Drive& drive) {
    return drive.config.is_root_device && drive.config.drive_id != config.drive_id;
  });
  if (config.is_root_device && has_other_root) {
    return Fault("Drive config error: A root block device already exists!");
  }
  ASSIGN_OR_RETURN(BackingFile file, OpenBackingFile(config));
  if (config.blk_size && *config.blk_size < file.logical_block_bytes()) {
    return Fault(kBlockPrefix, "blk_size must be at least the device's own, ",
                 file.logical_block_bytes(), ".");
  }
  Drive drive = {.config = config, .file = std::move(file)};
  if (same == drives_.end()) {
    drives_.insert(config.is_root_device ? drives_.begin() : same, std::move(drive));
    return absl::OkStatus();
  }
  *same = std::move(drive);
  if (config.is_root_device) {
    std::swap(drives_.front(), *same);
  }
  return absl::OkStatus();
}

absl::Status VmResources::SetNetwork(const NetworkInterfaceConfig& config) {
  for (const Network& network : networks_) {
    if (config.guest_mac && network.config.guest_mac == config.guest_mac &&
        network.config.iface_id != config.iface_id) {
      return Fault(kNetworkPrefix,
                   "The MAC address is already in use: ", MacAddressText(*config.guest_mac));
    }
  }
  RETURN_IF_ERROR(CheckMtu(config));
  const auto same = std::find_if(networks_.begin(), networks_.end(), [&](const Network& network) {
    return network.config.iface_id == config.iface_id;
  });
  if (same != networks_.end()) {
    // Its TAP may be the one that is asked for.
    std::swap(*same, networks_.back());
    networks_.pop_back();
  }
  ASSIGN_OR_RETURN(Tap tap, OpenTap(config, missing_tap_));
  networks_.push_back({.config = config, .tap = std::move(tap)});
  return absl::OkStatus();
}

absl::Status VmResources::SetMmds(const MmdsSettings& config) {
  constexpr absl::string_view kPrefix = "MMMDS config error: ";
  if (config.network_interfaces.empty()) {
    return Fault(kPrefix,
                 "The list of network interface IDs that allow forwarding MMDS requests is "
                 "empty.");
  }
  for (const std::string& id : config.network_interfaces) {
    const bool is_known =
        std::any_of(networks_.begin(), networks_.end(),
                    [&](const Network& network) { return network.config.iface_id == id; });
    if (!is_known) {
      return Fault(kPrefix,
                   "The list of network interface IDs provided contains at least one ID that does "
                   "not correspond to any existing network interface.");
    }
  }
  if (!IsMmdsIpv4(config.ipv4_address.value_or(MmdsConfig::kDefaultIpv4))) {
    return Fault(kPrefix, "The MMDS IPv4 address is not link local.");
  }
  mmds_ = config;
  return absl::OkStatus();
}

void VmResources::RecordDriveUpdate(const DriveUpdate& update) {
  for (Drive& drive : drives_) {
    if (drive.config.drive_id != update.drive_id) {
      continue;
    }
    if (update.path_on_host) {
      drive.config.path_on_host = update.path_on_host;
    }
    if (update.rate_limiter) {
      ApplyLimiterUpdate(*update.rate_limiter, drive.config.rate_limiter);
    }
  }
}

void VmResources::RecordNetworkUpdate(const NetworkInterfaceUpdate& update) {
  for (Network& network : networks_) {
    if (network.config.iface_id != update.iface_id) {
      continue;
    }
    if (update.rx_rate_limiter) {
      ApplyLimiterUpdate(*update.rx_rate_limiter, network.config.rx_rate_limiter);
    }
    if (update.tx_rate_limiter) {
      ApplyLimiterUpdate(*update.tx_rate_limiter, network.config.tx_rate_limiter);
    }
  }
}

absl::StatusOr<MicroVmConfig> VmResources::BuildVmConfig() const {
  constexpr uint64_t kMaxMib = UINT64_MAX >> 20;
  MicroVmConfig config = {
      .ram = {.size_bytes = std::min(machine_.mem_size_mib, kMaxMib) << 20,
              .huge_pages = machine_.huge_pages},
      .vcpu_count = machine_.vcpu_count,
      .smt = machine_.smt,
      .tracks_dirty_pages = machine_.track_dirty_pages,
  };
  if (cpu_) {
    ASSIGN_OR_RETURN(config.cpu_template, CpuTemplateOf(*cpu_));
  }
  for (const Drive& drive : drives_) {
    ASSIGN_OR_RETURN(config.disks.emplace_back(), BuildDisk(drive));
  }
  for (const Network& network : networks_) {
    config.networks.push_back(BuildNetwork(network));
  }
  return config;
}

absl::StatusOr<DiskConfig> VmResources::BuildDisk(const Drive& drive) const {
  const DriveConfig& config = drive.config;
  if (config.num_queues > machine_.vcpu_count) {
    return absl::InvalidArgumentError(absl::StrCat("drive ", config.drive_id, ": num_queues is ",
                                                   config.num_queues,
                                                   ", more than there are vCPUs"));
  }
  DiskConfig disk = {.name = config.drive_id,
                     .options = {.file = {.path = *config.path_on_host,
                                          .is_read_only = config.is_read_only,
                                          .is_direct = config.direct},
                                 .cache_type = config.cache_type,
                                 .queue_count = config.num_queues,
                                 .allows_discard = config.discard,
                                 .serial = config.serial,
                                 .rate_limiter = LimiterConfigOf(config.rate_limiter)},
                     .file = &*drive.file};
  disk.options.logical_block_bytes = config.blk_size;
  disk.options.topology = config.topology;
  return disk;
}

NetworkConfig VmResources::BuildNetwork(const Network& network) {
  const NetworkInterfaceConfig& config = network.config;
  return NetworkConfig{.name = config.iface_id,
                       .tap = &*network.tap,
                       .options = {.mac = config.guest_mac,
                                   .mtu = config.mtu,
                                   .rx_rate_limiter = LimiterConfigOf(config.rx_rate_limiter),
                                   .tx_rate_limiter = LimiterConfigOf(config.tx_rate_limiter)}};
}

absl::StatusOr<const BootSource*> VmResources::BuildBootSource() {
  if (!boot_) {
    return absl::FailedPreconditionError("Cannot start microvm without kernel configuration.");
  }
  ASSIGN_OR_RETURN(boot_->command_line, KernelCommandLine::Parse(boot_config_->boot_args.value_or(
                                            std::string(kDefaultKernelCommandLine))));
  RETURN_IF_ERROR(boot_->command_line.Append("pci=off"));
  if (!drives_.empty() && drives_[0].config.is_root_device) {
    RETURN_IF_ERROR(boot_->command_line.Append(RootArguments(drives_[0].config)));
  }
  return &*boot_;
}

void VmResources::CloseFiles() {
  boot_.reset();
  for (Drive& drive : drives_) {
    drive.file.reset();
  }
  for (Network& network : networks_) {
    network.tap.reset();
  }
}

nlohmann::ordered_json VmResources::ToJson() const {
  nlohmann::ordered_json json;
  json["balloon"] = nullptr;
  json["drives"] = nlohmann::ordered_json::array();
  for (const Drive& drive : drives_) {
    json["drives"].push_back(DriveToJson(drive.config));
  }
  json["boot-source"] = boot_config_ ? BootSourceToJson(*boot_config_) : nlohmann::ordered_json();
  json["cpu-config"] = cpu_ ? CpuConfigToJson(*cpu_) : nlohmann::ordered_json();
  json["logger"] = nullptr;
  json["machine-config"] = MachineConfigToJson(machine_);
  json["metrics"] = nullptr;
  json["mmds-config"] = mmds_ ? MmdsSettingsToJson(*mmds_) : nlohmann::ordered_json();
  json["network-interfaces"] = nlohmann::ordered_json::array();
  for (const Network& network : networks_) {
    json["network-interfaces"].push_back(NetworkInterfaceToJson(network.config));
  }
  json["vsock"] = nullptr;
  json["entropy"] = nullptr;
  json["pmem"] = nlohmann::ordered_json::array();
  json["memory-hotplug"] = nullptr;
  return json;
}

}  // namespace mayfly
