// SnapshotCreateRequest and SnapshotLoadRequest: what /snapshot/create and /snapshot/load ask for.

#ifndef MAYFLY_API_SNAPSHOT_REQUEST_H_
#define MAYFLY_API_SNAPSHOT_REQUEST_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/json_decoder.h"
#include "api/network_interface_config.h"
#include "devices/virtio/rate_limiter.h"
#include "snapshot/working_set_tracker.h"
#include "vmm/guest_ram.h"

namespace mayfly {

enum class SnapshotKind { kFull, kDiff };

// Plain values, as the user gave them.
struct SnapshotCreateRequest {
  SnapshotKind kind = SnapshotKind::kFull;
  std::string snapshot_path;
  std::string mem_file_path;
};

enum class MemoryBackendType { kFile, kUffd };

struct MemoryBackend {
  std::string path;
  MemoryBackendType type = MemoryBackendType::kFile;
};

// In place of what the snapshot says; what is absent stays.
struct NetworkOverride {
  std::string iface_id;
  std::optional<std::string> host_dev_name;
  std::optional<MacAddress> guest_mac;
  std::optional<RateLimiterUpdate> rx_rate_limiter;
  std::optional<RateLimiterUpdate> tx_rate_limiter;
};
struct DriveOverride {
  std::string drive_id;
  std::optional<std::string> path_on_host;
  std::optional<RateLimiterUpdate> rate_limiter;
};

// The huge pages of the restored guest.
enum class RestoredPages { kSnapshot, kNone, kTransparent, k2M };

struct SnapshotLoadRequest {
  std::string snapshot_path;
  // After ParseSnapshotLoad always there.
  std::optional<MemoryBackend> mem_backend;
  // The deprecated way to name a file.
  std::optional<std::string> mem_file_path;
  bool track_dirty_pages = false;
  std::optional<bool> enable_diff_snapshots;
  bool resume_vm = false;
  std::vector<NetworkOverride> network_overrides;
  std::optional<JsonValue> vsock_override;
  bool clock_realtime = false;
  RestoredPages huge_pages = RestoredPages::kSnapshot;
  // Mayfly's own.
  std::vector<DriveOverride> drive_overrides;
  std::optional<std::string> serial_out_path;
  // Metadata contents, a JSON object; `mmds_text` is its text after ParseSnapshotLoad.
  std::optional<JsonValue> mmds;
  std::string mmds_text;
  WorkingSetMode working_set = WorkingSetMode::kUse;
  std::optional<uint64_t> working_set_ms;
};

// /snapshot/working-set: that the time to record has come. It has no fields.
struct WorkingSetRequest {};

const JsonObject<SnapshotCreateRequest>& SnapshotCreateSchema();
const JsonObject<WorkingSetRequest>& WorkingSetSchema();

// A body of /snapshot/load with the deprecated fields resolved. InvalidArgument: DecodeJson's
// errors, and in Firecracker's words both or none of the fields that say where the memory is.
absl::StatusOr<SnapshotLoadRequest> ParseSnapshotLoad(absl::string_view json);
// Whether it names things by their deprecated names.
bool IsDeprecated(const SnapshotLoadRequest& request);

}  // namespace mayfly

#endif  // MAYFLY_API_SNAPSHOT_REQUEST_H_
