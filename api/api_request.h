// ApiRequest: one thing a client, a configuration file or a command line asks of the monitor.

#ifndef MAYFLY_API_API_REQUEST_H_
#define MAYFLY_API_API_REQUEST_H_

#include <string>
#include <variant>

#include "api/boot_source_config.h"
#include "api/cpu_config.h"
#include "api/drive_config.h"
#include "api/machine_config.h"
#include "api/mmds_settings.h"
#include "api/network_interface_config.h"
#include "api/observability_config.h"
#include "api/serial_config.h"
#include "api/snapshot_request.h"
#include "api/vm_action.h"

namespace mayfly {

struct GetInstanceInfo {};
struct GetVersion {};
struct GetVmConfig {};
struct GetMachineConfig {};
struct GetMmds {};
struct GetMetrics {};
struct PutBootSource {
  BootSourceConfig config;
};
struct PutMachineConfig {
  MachineConfigUpdate config;
};
struct PatchMachineConfig {
  MachineConfigUpdate update;
};
struct PutCpuConfig {
  CpuConfig config;
};
struct PutDrive {
  DriveConfig config;
};
struct PatchDrive {
  DriveUpdate update;
};
struct PutNetworkInterface {
  NetworkInterfaceConfig config;
};
struct PatchNetworkInterface {
  NetworkInterfaceUpdate update;
};
// Taking out a device needs PCI, which there is not.
struct DeleteDevice {
  std::string id;
};
struct PutLogger {
  LoggerConfig config;
};
struct PutMetrics {
  MetricsConfig config;
};
struct PutMmdsConfig {
  MmdsSettings config;
};
// A JSON object, as text.
struct PutMmds {
  std::string json;
};
struct PatchMmds {
  std::string json;
};
struct PutSerial {
  SerialConfig config;
};
struct InstanceStart {};
struct CreateSnapshot {
  SnapshotCreateRequest request;
};
struct LoadSnapshot {
  SnapshotLoadRequest request;
};
struct RecordWorkingSet {};
struct FlushMetrics {};
struct SendCtrlAltDel {};
struct PatchVmState {
  VmRunState state = VmRunState::kResumed;
};

using ApiRequest =
    std::variant<GetInstanceInfo, GetVersion, GetVmConfig, GetMachineConfig, GetMmds, GetMetrics,
                 PutBootSource, PutMachineConfig, PatchMachineConfig, PutCpuConfig, PutDrive,
                 PatchDrive, PutNetworkInterface, PatchNetworkInterface, DeleteDevice, PutLogger,
                 PutMetrics, PutMmdsConfig, PutMmds, PatchMmds, PutSerial, InstanceStart,
                 CreateSnapshot, LoadSnapshot, RecordWorkingSet, FlushMetrics, SendCtrlAltDel,
                 PatchVmState>;

// When a request is allowed: the one place that says so.
enum class RequestPhase { kBeforeStart, kAfterStart, kAlways };
RequestPhase PhaseOf(const ApiRequest& request);
// Whether it makes the VM one that is booted, so that no snapshot may be loaded any more.
bool ConfiguresBoot(const ApiRequest& request);

}  // namespace mayfly

#endif  // MAYFLY_API_API_REQUEST_H_
