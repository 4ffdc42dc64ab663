// VmResources: what a VM that has not been started will be made of.

#ifndef MAYFLY_API_VM_RESOURCES_H_
#define MAYFLY_API_VM_RESOURCES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/boot_source_config.h"
#include "api/cpu_config.h"
#include "api/drive_config.h"
#include "api/machine_config.h"
#include "api/mmds_settings.h"
#include "api/network_interface_config.h"
#include "api/serial_config.h"
#include "devices/virtio/backing_file.h"
#include "devices/virtio/tap.h"
#include "nlohmann/json.hpp"
#include "vmm/boot_source.h"
#include "vmm/micro_vm.h"

namespace mayfly {

// Files and TAPs are opened when they are named, so that whoever named a wrong one hears of it at
// once, and stay open until the VM runs: a failed start can be corrected and tried again. Owned by
// VmController; loop thread.
//
// Every error is InvalidArgument with Firecracker's words, prefix included ("Drive config error:
// ...").
class VmResources {
 public:
  explicit VmResources(Tap::Missing missing_tap) : missing_tap_(missing_tap) {}

  // PUT: what is left out gets its default, but a CPU template stays.
  absl::Status SetMachine(const MachineConfigUpdate& config);
  // PATCH: what is left out stays.
  absl::Status UpdateMachine(const MachineConfigUpdate& update);
  absl::Status SetBootSource(const BootSourceConfig& config);
  // For GET /vm/config of a VM that has booted elsewhere.
  void RecordBootSource(const BootSourceConfig& config) { boot_config_ = config; }
  void SetCpu(const CpuConfig& config);
  // One with the id of another replaces it. The root device is the first.
  absl::Status SetDrive(const DriveConfig& config);
  // One with the id of another replaces it, which goes to the end of the order.
  absl::Status SetNetwork(const NetworkInterfaceConfig& config);
  absl::Status SetMmds(const MmdsSettings& config);
  // From now on a TAP that does not exist is an error: a restored guest is connected already, and
  // one made for it would be connected to nothing.
  void RequireTaps() { missing_tap_ = Tap::Missing::kIsError; }

  // For the running VM's GET /vm/config.
  void RecordDriveUpdate(const DriveUpdate& update);
  void RecordNetworkUpdate(const NetworkInterfaceUpdate& update);

  // What MicroVm::Create takes. Valid until the resources change.
  absl::StatusOr<MicroVmConfig> BuildVmConfig() const;
  // With the command line a kernel gets; FailedPrecondition when there is no boot source. Valid
  // until the next call.
  absl::StatusOr<const BootSource*> BuildBootSource();
  // The VM runs: its descriptors are its own now.
  void CloseFiles();

  const MachineConfig& machine() const { return machine_; }
  const std::optional<MmdsSettings>& mmds() const { return mmds_; }
  // GET /vm/config.
  nlohmann::ordered_json ToJson() const;

 private:
  // `update` is what `machine` was made by.
  void TakeMachine(const MachineConfig& machine, const MachineConfigUpdate& update);

  struct Drive {
    DriveConfig config;
    std::optional<BackingFile> file;
  };
  struct Network {
    NetworkInterfaceConfig config;
    std::optional<Tap> tap;
  };

  absl::StatusOr<DiskConfig> BuildDisk(const Drive& drive) const;
  static NetworkConfig BuildNetwork(const Network& network);

  Tap::Missing missing_tap_;
  MachineConfig machine_;
  std::optional<BootSourceConfig> boot_config_;
  std::optional<BootSource> boot_;
  std::optional<CpuConfig> cpu_;
  std::vector<Drive> drives_;
  std::vector<Network> networks_;
  std::optional<MmdsSettings> mmds_;
};

}  // namespace mayfly

#endif  // MAYFLY_API_VM_RESOURCES_H_
