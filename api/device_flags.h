// The values of --disk and --net: comma-separated settings of one device.

#ifndef MAYFLY_API_DEVICE_FLAGS_H_
#define MAYFLY_API_DEVICE_FLAGS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/drive_config.h"
#include "api/network_interface_config.h"

namespace mayfly {

// What --disk says; a queue count of 0 stands for one queue a vCPU.
//
// "path=F[,ro][,direct][,cache=Unsafe|Writeback][,id=TEXT][,queues=N][,nodiscard]
// [,bandwidth=LIMIT][,ops=LIMIT]". LIMIT is AMOUNT[/REFILL_MS[/BURST]]: bytes or operations in each
// REFILL_MS (1000 when left out), and BURST more once. Two commas stand for one in a value.
// InvalidArgument that names the setting.
absl::StatusOr<DriveConfig> ParseDiskFlag(absl::string_view text);

// What --net says: "tap=NAME|fd=N[,mac=MAC][,mtu=N][,rx-bandwidth=LIMIT][,rx-ops=LIMIT]
// [,tx-bandwidth=LIMIT][,tx-ops=LIMIT]".
absl::StatusOr<NetworkInterfaceConfig> ParseNetFlag(absl::string_view text);

}  // namespace mayfly

#endif  // MAYFLY_API_DEVICE_FLAGS_H_
