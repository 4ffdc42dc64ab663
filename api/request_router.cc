// The table of routes.

#include "api/request_router.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "api/fault.h"
#include "api/json_decoder.h"
#include "base/status.h"

namespace mayfly {
namespace {

// What of a request a route looks at.
struct Call {
  const HttpRequest& http;
  // The parts of the path after the first.
  std::vector<absl::string_view> rest;
  bool is_deprecated = false;

  absl::string_view body() const { return http.body; }
};

using Parsed = absl::StatusOr<ApiRequest>;

struct Route {
  HttpMethod method;
  absl::string_view token;
  Parsed (*parse)(Call& call);
  RequestCounter* (*counter)(RequestCounters& counters);
};

// The path has no such route after all.
absl::Status NoRoute() { return absl::NotFoundError(""); }

absl::Status DecodingFault(const absl::Status& status) {
  return Fault(absl::StrCat(
      "An error occurred when deserializing the json body of a request: ", status.message(), "."));
}

template <typename T>
absl::StatusOr<T> Decode(absl::string_view body, const JsonObject<T>& schema) {
  auto decoded = DecodeJson(body, schema);
  if (!decoded.ok()) {
    return DecodingFault(decoded.status());
  }
  return decoded;
}

absl::StatusOr<std::string> PathId(const Call& call) {
  if (call.rest.empty() || call.rest[0].empty()) {
    return Fault("The ID cannot be empty.");
  }
  const absl::string_view id = call.rest[0];
  const bool is_valid = std::all_of(id.begin(), id.end(), [](char c) {
    // Letters of other scripts are allowed; the path is valid UTF-8.
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80) != 0;
  });
  if (!is_valid) {
    return Fault("API Resource IDs can only contain alphanumeric characters and underscores.");
  }
  return std::string(id);
}

Parsed ParseGetVm(Call& call) {
  if (call.rest.empty() || call.rest[0] != "config") {
    return NoRoute();
  }
  return GetVmConfig();
}

Parsed ParsePutMachineConfig(Call& call) {
  ASSIGN_OR_RETURN(const MachineConfigUpdate config, Decode(call.body(), PutMachineConfigSchema()));
  call.is_deprecated = config.cpu_template.has_value();
  return PutMachineConfig{config};
}

Parsed ParsePatchMachineConfig(Call& call) {
  ASSIGN_OR_RETURN(const MachineConfigUpdate update,
                   Decode(call.body(), PatchMachineConfigSchema()));
  if (update.is_empty()) {
    return Fault("Empty PATCH request.");
  }
  call.is_deprecated = update.cpu_template.has_value();
  return PatchMachineConfig{update};
}

Parsed ParsePutBootSource(Call& call) {
  ASSIGN_OR_RETURN(BootSourceConfig config, Decode(call.body(), BootSourceSchema()));
  return PutBootSource{std::move(config)};
}

Parsed ParsePutCpuConfig(Call& call) {
  ASSIGN_OR_RETURN(CpuConfig config, Decode(call.body(), CpuConfigSchema()));
  return PutCpuConfig{std::move(config)};
}

absl::Status CheckDriveId(absl::string_view path_id, absl::string_view body_id) {
  return path_id == body_id ? absl::OkStatus()
                            : Fault("The id from the path does not match the id from the body!");
}

absl::Status CheckNetworkId(absl::string_view path_id, absl::string_view body_id) {
  return path_id == body_id
             ? absl::OkStatus()
             : Fault(absl::StrCat("The id from the path [", path_id,
                                  "] does not match the id from the body [", body_id, "]!"));
}

Parsed ParsePutDrive(Call& call) {
  ASSIGN_OR_RETURN(const std::string id, PathId(call));
  ASSIGN_OR_RETURN(DriveConfig config, Decode(call.body(), DriveSchema()));
  RETURN_IF_ERROR(CheckDriveId(id, config.drive_id));
  return PutDrive{std::move(config)};
}

Parsed ParsePatchDrive(Call& call) {
  ASSIGN_OR_RETURN(const std::string id, PathId(call));
  ASSIGN_OR_RETURN(DriveUpdate update, Decode(call.body(), DriveUpdateSchema()));
  RETURN_IF_ERROR(CheckDriveId(id, update.drive_id));
  return PatchDrive{std::move(update)};
}

Parsed ParsePutNetwork(Call& call) {
  ASSIGN_OR_RETURN(const std::string id, PathId(call));
  ASSIGN_OR_RETURN(NetworkInterfaceConfig config, Decode(call.body(), NetworkInterfaceSchema()));
  RETURN_IF_ERROR(CheckNetworkId(id, config.iface_id));
  return PutNetworkInterface{std::move(config)};
}

Parsed ParsePatchNetwork(Call& call) {
  ASSIGN_OR_RETURN(const std::string id, PathId(call));
  ASSIGN_OR_RETURN(NetworkInterfaceUpdate update,
                   Decode(call.body(), NetworkInterfaceUpdateSchema()));
  RETURN_IF_ERROR(CheckNetworkId(id, update.iface_id));
  return PatchNetworkInterface{std::move(update)};
}

Parsed ParseDeleteDevice(Call& call) {
  ASSIGN_OR_RETURN(std::string id, PathId(call));
  return DeleteDevice{std::move(id)};
}

Parsed ParsePutLogger(Call& call) {
  ASSIGN_OR_RETURN(LoggerConfig config, Decode(call.body(), LoggerSchema()));
  return PutLogger{std::move(config)};
}

Parsed ParsePutMetrics(Call& call) {
  ASSIGN_OR_RETURN(MetricsConfig config, Decode(call.body(), MetricsSchema()));
  return PutMetrics{std::move(config)};
}

Parsed ParsePutSerial(Call& call) {
  ASSIGN_OR_RETURN(SerialConfig config, Decode(call.body(), SerialSchema()));
  return PutSerial{std::move(config)};
}

absl::StatusOr<std::string> MetadataText(const Call& call) {
  const absl::Status status = CheckJson(call.body());
  if (!status.ok()) {
    return DecodingFault(status);
  }
  return call.http.body;
}

Parsed ParsePutMmds(Call& call) {
  if (call.rest.empty()) {
    ASSIGN_OR_RETURN(std::string json, MetadataText(call));
    return PutMmds{std::move(json)};
  }
  if (call.rest[0] != "config") {
    return Fault(absl::StrCat("Unrecognized PUT request path `", call.rest[0], "`."));
  }
  ASSIGN_OR_RETURN(MmdsSettings config, Decode(call.body(), MmdsSettingsSchema()));
  call.is_deprecated = config.version == MmdsConfig::Version::kV1;
  return PutMmdsConfig{std::move(config)};
}

Parsed ParsePatchMmds(Call& call) {
  ASSIGN_OR_RETURN(std::string json, MetadataText(call));
  return PatchMmds{std::move(json)};
}

Parsed ParseAction(Call& call) {
  ASSIGN_OR_RETURN(const VmActionRequest action, Decode(call.body(), VmActionSchema()));
  switch (action.action_type) {
    case VmAction::kInstanceStart:
      return InstanceStart();
    case VmAction::kFlushMetrics:
      return FlushMetrics();
    case VmAction::kSendCtrlAltDel:
      break;
  }
  return SendCtrlAltDel();
}

Parsed ParsePatchVm(Call& call) {
  ASSIGN_OR_RETURN(const VmStateRequest request, Decode(call.body(), VmStateSchema()));
  return PatchVmState{request.state};
}

absl::Status NotSupported(absl::string_view what) {
  return Fault(absl::StrCat("The requested operation is not supported: ", what, "."));
}

Parsed ParseSnapshot(Call& call) {
  if (call.rest.empty()) {
    return Fault("Missing snapshot operation type.");
  }
  if (call.rest[0] == "working-set") {
    RETURN_IF_ERROR(Decode(call.body(), WorkingSetSchema()));
    return RecordWorkingSet();
  }
  if (call.rest[0] != "create" && call.rest[0] != "load") {
    return Fault(
        absl::StrCat("Invalid request method and/or path: PUT /snapshot/", call.rest[0], "."));
  }
  if (call.rest[0] == "create") {
    ASSIGN_OR_RETURN(SnapshotCreateRequest request, Decode(call.body(), SnapshotCreateSchema()));
    return CreateSnapshot{std::move(request)};
  }
  auto request = ParseSnapshotLoad(call.body());
  if (!request.ok()) {
    return DecodingFault(request.status());
  }
  call.is_deprecated = IsDeprecated(*request);
  return LoadSnapshot{*std::move(request)};
}

Parsed ParseGetBalloon(Call& call) {
  if (!call.rest.empty() && call.rest[0] != "statistics" && call.rest[0] != "hinting") {
    return Fault(absl::StrCat("Unrecognized GET request path `", call.rest[0], "`."));
  }
  return NotSupported("virtio-balloon device");
}

Parsed ParseHotplug(Call& call) {
  if (call.rest.empty() || call.rest[0] != "memory") {
    return NoRoute();
  }
  return NotSupported("virtio-mem device");
}

template <typename T>
Parsed Simple(Call& /*call*/) {
  return T();
}
Parsed NoBalloon(Call& /*call*/) { return NotSupported("virtio-balloon device"); }
Parsed NoEntropy(Call& /*call*/) { return NotSupported("virtio-rng device"); }
Parsed NoPmem(Call& /*call*/) { return NotSupported("virtio-pmem device"); }
Parsed NoVsock(Call& /*call*/) { return NotSupported("virtio-vsock device"); }

template <auto Method, auto Kind>
RequestCounter* Counter(RequestCounters& counters) {
  return &((counters.*Method).*Kind);
}
RequestCounter* Uncounted(RequestCounters& /*counters*/) { return nullptr; }

using Counters = RequestCounters;
using Get = RequestCounters::Get;
using Put = RequestCounters::Put;
using Patch = RequestCounters::Patch;

constexpr Route kRoutes[] = {
    {HttpMethod::kGet, "", Simple<GetInstanceInfo>, Counter<&Counters::get, &Get::instance_info>},
    {HttpMethod::kGet, "version", Simple<GetVersion>, Counter<&Counters::get, &Get::vmm_version>},
    {HttpMethod::kGet, "vm", ParseGetVm, Uncounted},
    {HttpMethod::kGet, "machine-config", Simple<GetMachineConfig>,
     Counter<&Counters::get, &Get::machine_cfg>},
    {HttpMethod::kGet, "mmds", Simple<GetMmds>, Counter<&Counters::get, &Get::mmds>},
    {HttpMethod::kGet, "metrics", Simple<GetMetrics>, Uncounted},
    {HttpMethod::kGet, "balloon", ParseGetBalloon, Uncounted},
    {HttpMethod::kGet, "hotplug", ParseHotplug, Counter<&Counters::get, &Get::hotplug_memory>},

    {HttpMethod::kPut, "actions", ParseAction, Counter<&Counters::put, &Put::actions>},
    {HttpMethod::kPut, "boot-source", ParsePutBootSource,
     Counter<&Counters::put, &Put::boot_source>},
    {HttpMethod::kPut, "cpu-config", ParsePutCpuConfig, Counter<&Counters::put, &Put::cpu_cfg>},
    {HttpMethod::kPut, "drives", ParsePutDrive, Counter<&Counters::put, &Put::drive>},
    {HttpMethod::kPut, "logger", ParsePutLogger, Counter<&Counters::put, &Put::logger>},
    {HttpMethod::kPut, "machine-config", ParsePutMachineConfig,
     Counter<&Counters::put, &Put::machine_cfg>},
    {HttpMethod::kPut, "metrics", ParsePutMetrics, Counter<&Counters::put, &Put::metrics>},
    {HttpMethod::kPut, "mmds", ParsePutMmds, Counter<&Counters::put, &Put::mmds>},
    {HttpMethod::kPut, "network-interfaces", ParsePutNetwork,
     Counter<&Counters::put, &Put::network>},
    {HttpMethod::kPut, "serial", ParsePutSerial, Counter<&Counters::put, &Put::serial>},
    {HttpMethod::kPut, "snapshot", ParseSnapshot, Uncounted},
    {HttpMethod::kPut, "balloon", NoBalloon, Uncounted},
    {HttpMethod::kPut, "entropy", NoEntropy, Uncounted},
    {HttpMethod::kPut, "hotplug", ParseHotplug, Counter<&Counters::put, &Put::hotplug_memory>},
    {HttpMethod::kPut, "pmem", NoPmem, Counter<&Counters::put, &Put::pmem>},
    {HttpMethod::kPut, "vsock", NoVsock, Counter<&Counters::put, &Put::vsock>},

    {HttpMethod::kPatch, "drives", ParsePatchDrive, Counter<&Counters::patch, &Patch::drive>},
    {HttpMethod::kPatch, "machine-config", ParsePatchMachineConfig,
     Counter<&Counters::patch, &Patch::machine_cfg>},
    {HttpMethod::kPatch, "mmds", ParsePatchMmds, Counter<&Counters::patch, &Patch::mmds>},
    {HttpMethod::kPatch, "network-interfaces", ParsePatchNetwork,
     Counter<&Counters::patch, &Patch::network>},
    {HttpMethod::kPatch, "vm", ParsePatchVm, Uncounted},
    {HttpMethod::kPatch, "balloon", NoBalloon, Uncounted},
    {HttpMethod::kPatch, "hotplug", ParseHotplug,
     Counter<&Counters::patch, &Patch::hotplug_memory>},
    {HttpMethod::kPatch, "pmem", NoPmem, Counter<&Counters::patch, &Patch::pmem>},

    {HttpMethod::kDelete, "drives", ParseDeleteDevice, Uncounted},
    {HttpMethod::kDelete, "network-interfaces", ParseDeleteDevice, Uncounted},
    {HttpMethod::kDelete, "pmem", NoPmem, Uncounted},
};

bool WantsBody(HttpMethod method) {
  return method == HttpMethod::kPut || method == HttpMethod::kPatch;
}

absl::Status BodyFault(HttpMethod method) {
  switch (method) {
    case HttpMethod::kGet:
      return Fault("GET request cannot have a body.");
    case HttpMethod::kPut:
      return Fault("Empty PUT request.");
    case HttpMethod::kPatch:
      return Fault("Empty PATCH request.");
    default:
      return Fault("Empty Delete request.");
  }
}

// "/a/b/" is "a" and "b".
std::vector<absl::string_view> SplitPath(absl::string_view path) {
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  std::vector<absl::string_view> tokens;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    tokens.push_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return tokens;
}

}  // namespace

absl::StatusOr<RoutedRequest> RouteRequest(const HttpRequest& request, RequestCounters& counters) {
  std::vector<absl::string_view> tokens = SplitPath(request.target);
  const absl::string_view token = tokens.empty() ? "" : tokens[0];
  if (!tokens.empty()) {
    tokens.erase(tokens.begin());
  }
  if (request.body.empty() == WantsBody(request.method)) {
    return BodyFault(request.method);
  }
  for (const Route& route : kRoutes) {
    if (route.method != request.method || route.token != token) {
      continue;
    }
    Call call{.http = request, .rest = tokens};
    RequestCounter* counter = route.counter(counters);
    if (counter != nullptr) {
      ++counter->count;
    }
    Parsed parsed = route.parse(call);
    if (parsed.ok()) {
      counters.deprecated_http_api_calls += call.is_deprecated ? 1 : 0;
      return RoutedRequest{*std::move(parsed), call.is_deprecated};
    }
    if (absl::IsNotFound(parsed.status())) {
      break;
    }
    if (counter != nullptr) {
      ++counter->fails;
    }
    return parsed.status();
  }
  return Fault(
      absl::StrCat("Invalid request method and/or path: ", request.method_name, " ", token, "."));
}

std::vector<RouteName> AllRoutes() {
  std::vector<RouteName> names;
  for (const Route& route : kRoutes) {
    names.push_back({route.method, route.token});
  }
  return names;
}

}  // namespace mayfly
