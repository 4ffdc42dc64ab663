// Firecracker's words for a VM that cannot be started.

#ifndef MAYFLY_API_START_FAULT_H_
#define MAYFLY_API_START_FAULT_H_

#include "absl/status/status.h"
#include "vmm/boot_source.h"

namespace mayfly {

// `status` is MicroVm::Create's or MicroVm::Start's error; `boot` what was to be booted. The
// message has "Start microvm error: " and the words of the step that failed in front.
absl::Status StartFault(const absl::Status& status, const BootSource* boot);

}  // namespace mayfly

#endif  // MAYFLY_API_START_FAULT_H_
