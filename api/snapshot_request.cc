// /snapshot/create and /snapshot/load from JSON.

#include "api/snapshot_request.h"

#include "api/limiter_schema.h"
#include "base/status.h"

namespace mayfly {
namespace {

const JsonEnum<SnapshotKind>& KindNames() {
  static const JsonEnum<SnapshotKind> kNames(
      {{"Diff", SnapshotKind::kDiff}, {"Full", SnapshotKind::kFull}});
  return kNames;
}

const JsonEnum<MemoryBackendType>& BackendNames() {
  static const JsonEnum<MemoryBackendType> kNames(
      {{"File", MemoryBackendType::kFile}, {"Uffd", MemoryBackendType::kUffd}});
  return kNames;
}

const JsonEnum<RestoredPages>& PagesNames() {
  static const JsonEnum<RestoredPages> kNames({{"Snapshot", RestoredPages::kSnapshot},
                                               {"None", RestoredPages::kNone},
                                               {"Transparent", RestoredPages::kTransparent},
                                               {"2M", RestoredPages::k2M}});
  return kNames;
}

const JsonEnum<WorkingSetMode>& WorkingSetNames() {
  static const JsonEnum<WorkingSetMode> kNames({{"Use", WorkingSetMode::kUse},
                                                {"Ignore", WorkingSetMode::kIgnore},
                                                {"Record", WorkingSetMode::kRecord}});
  return kNames;
}

const JsonObject<MemoryBackend>& BackendSchema() {
  static const JsonObject<MemoryBackend> kSchema(
      "struct MemBackendConfig", UnknownFields::kDenied,
      {Required("backend_path", &MemoryBackend::path),
       Required("backend_type", &MemoryBackend::type, BackendNames())});
  return kSchema;
}

const JsonObject<NetworkOverride>& NetworkOverrideSchema() {
  static const JsonObject<NetworkOverride> kSchema(
      "struct NetworkOverride", UnknownFields::kIgnored,
      {Required("iface_id", &NetworkOverride::iface_id),
       Optional("host_dev_name", &NetworkOverride::host_dev_name),
       OptionalText("guest_mac", &NetworkOverride::guest_mac, DecodeMacAddress),
       Optional("rx_rate_limiter", &NetworkOverride::rx_rate_limiter, RateLimiterSchema()),
       Optional("tx_rate_limiter", &NetworkOverride::tx_rate_limiter, RateLimiterSchema())});
  return kSchema;
}

const JsonObject<DriveOverride>& DriveOverrideSchema() {
  static const JsonObject<DriveOverride> kSchema(
      "struct DriveOverride", UnknownFields::kDenied,
      {Required("drive_id", &DriveOverride::drive_id),
       Optional("path_on_host", &DriveOverride::path_on_host),
       Optional("rate_limiter", &DriveOverride::rate_limiter, RateLimiterSchema())});
  return kSchema;
}

const JsonObject<SnapshotLoadRequest>& LoadSchema() {
  using Request = SnapshotLoadRequest;
  static const JsonObject<Request> kSchema(
      "struct LoadSnapshotConfig", UnknownFields::kDenied,
      {Required("snapshot_path", &Request::snapshot_path),
       Optional("mem_file_path", &Request::mem_file_path),
       Optional("mem_backend", &Request::mem_backend, BackendSchema()),
       Optional("enable_diff_snapshots", &Request::enable_diff_snapshots),
       Optional("track_dirty_pages", &Request::track_dirty_pages),
       Optional("resume_vm", &Request::resume_vm),
       OptionalList("network_overrides", &Request::network_overrides, NetworkOverrideSchema()),
       Optional("vsock_override", &Request::vsock_override),
       Optional("clock_realtime", &Request::clock_realtime),
       Optional("huge_pages", &Request::huge_pages, PagesNames()),
       OptionalList("drive_overrides", &Request::drive_overrides, DriveOverrideSchema()),
       Optional("serial_out_path", &Request::serial_out_path), Optional("mmds", &Request::mmds),
       Optional("working_set", &Request::working_set, WorkingSetNames()),
       Optional("working_set_ms", &Request::working_set_ms)});
  return kSchema;
}

}  // namespace

const JsonObject<SnapshotCreateRequest>& SnapshotCreateSchema() {
  static const JsonObject<SnapshotCreateRequest> kSchema(
      "struct CreateSnapshotParams", UnknownFields::kDenied,
      {Optional("snapshot_type", &SnapshotCreateRequest::kind, KindNames()),
       Required("snapshot_path", &SnapshotCreateRequest::snapshot_path),
       Required("mem_file_path", &SnapshotCreateRequest::mem_file_path)});
  return kSchema;
}

const JsonObject<WorkingSetRequest>& WorkingSetSchema() {
  static const JsonObject<WorkingSetRequest> kSchema("struct WorkingSet", UnknownFields::kDenied,
                                                     {});
  return kSchema;
}

absl::StatusOr<SnapshotLoadRequest> ParseSnapshotLoad(absl::string_view json) {
  ASSIGN_OR_RETURN(SnapshotLoadRequest request, DecodeJson(json, LoadSchema()));
  if (request.mem_backend && request.mem_file_path) {
    return absl::InvalidArgumentError(
        "too many fields: either `mem_backend` or `mem_file_path` exclusively is required.");
  }
  if (!request.mem_backend && !request.mem_file_path) {
    return absl::InvalidArgumentError(
        "missing field: either `mem_backend` or `mem_file_path` is required.");
  }
  if (request.mem_file_path) {
    request.mem_backend = {.path = *request.mem_file_path, .type = MemoryBackendType::kFile};
  }
  request.track_dirty_pages |= request.enable_diff_snapshots.value_or(false);
  if (request.mmds) {
    request.mmds_text =
        std::string(json.substr(request.mmds->begin, request.mmds->end - request.mmds->begin));
  }
  return request;
}

bool IsDeprecated(const SnapshotLoadRequest& request) {
  return request.mem_file_path.has_value() || request.enable_diff_snapshots.value_or(false);
}

}  // namespace mayfly
