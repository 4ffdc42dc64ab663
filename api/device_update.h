// What clients do to a running VM's devices: updates, and keys.

#ifndef MAYFLY_API_DEVICE_UPDATE_H_
#define MAYFLY_API_DEVICE_UPDATE_H_

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "api/drive_config.h"
#include "api/network_interface_config.h"
#include "api/vm_resources.h"
#include "vmm/micro_vm.h"

namespace mayfly {

// Loop thread. Changes the device of the VM and records it in its resources; errors are faults in
// Firecracker's words, and then nothing has changed. `done` runs once, inside this call or later.
void UpdateDrive(const DriveUpdate& update, MicroVm* vm, VmResources* resources,
                 absl::AnyInvocable<void(absl::Status)> done);
absl::Status UpdateNetwork(const NetworkInterfaceUpdate& update, MicroVm* vm,
                           VmResources* resources);

// Presses the keys. A guest whose keyboard driver does not listen is no error, as in Firecracker,
// but a line of the log.
absl::Status StrikeCtrlAltDel(MicroVm* vm);

}  // namespace mayfly

#endif  // MAYFLY_API_DEVICE_UPDATE_H_
