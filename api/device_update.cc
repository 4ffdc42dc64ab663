// Updates of drives and network interfaces.

#include "api/device_update.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "api/fault.h"
#include "base/log.h"
#include "base/status.h"

namespace mayfly {

void UpdateDrive(const DriveUpdate& update, MicroVm* vm, VmResources* resources,
                 absl::AnyInvocable<void(absl::Status)> done) {
  constexpr absl::string_view kPrefix = "Drive config error: Unable to patch the block device: ";
  if (!update.path_on_host && !update.rate_limiter) {
    done(Fault(kPrefix,
               "Block: Running method expected different backend. Please verify the request "
               "arguments."));
    return;
  }
  vm->UpdateDrive(
      {.name = update.drive_id, .path = update.path_on_host, .rate_limiter = update.rate_limiter},
      [resources, kPrefix, update, done = std::move(done)](const absl::Status& status) mutable {
        if (absl::IsNotFound(status) && !ErrnoOf(status)) {
          done(Fault(kPrefix, "Failed perform action on device: Device not found"));
          return;
        }
        if (!status.ok()) {
          done(Fault(kPrefix, "Block: Virtio backend error: Error manipulating the backing file: ",
                     SystemReason(status), " ", update.path_on_host.value_or("")));
          return;
        }
        resources->RecordDriveUpdate(update);
        done(absl::OkStatus());
      });
}

absl::Status UpdateNetwork(const NetworkInterfaceUpdate& update, MicroVm* vm,
                           VmResources* resources) {
  const absl::Status status =
      vm->UpdateNetwork(update.iface_id, update.rx_rate_limiter.value_or(RateLimiterUpdate()),
                        update.tx_rate_limiter.value_or(RateLimiterUpdate()));
  if (!status.ok()) {
    return Fault("Network config error: Failed perform action on device: Device not found");
  }
  resources->RecordNetworkUpdate(update);
  return absl::OkStatus();
}

absl::Status StrikeCtrlAltDel(MicroVm* vm) {
  const absl::Status status = vm->i8042().TriggerCtrlAltDel();
  if (absl::IsFailedPrecondition(status)) {
    MAYFLY_LOG(Warn, "Ctrl-Alt-Del: ", status.message());
    return absl::OkStatus();
  }
  return status.ok() ? status : Fault("Internal VMM error: ", status.message());
}

}  // namespace mayfly
