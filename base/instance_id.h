// InstanceId: what names a VM and its jail.

#ifndef MAYFLY_BASE_INSTANCE_ID_H_
#define MAYFLY_BASE_INSTANCE_ID_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mayfly {

// OK for 1 to 64 letters, digits and '-', so that an id is one component of a path. Otherwise
// InvalidArgument in the words of Firecracker's jailer.
absl::Status CheckInstanceId(absl::string_view id);

}  // namespace mayfly

#endif  // MAYFLY_BASE_INSTANCE_ID_H_
