// Snapshot files to resources.

#include "api/snapshot_load.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/api_request.h"
#include "api/config_file.h"
#include "api/fault.h"
#include "base/status.h"
#include "snapshot/memory_file.h"
#include "snapshot/snapshot_reader.h"
#include "snapshot/userfault_memory.h"

namespace mayfly {
namespace {

constexpr absl::string_view kStatePrefix = "Failed to get snapshot state from file: ";
constexpr absl::string_view kMemoryPrefix = "Failed to load guest memory: ";

// What names the file behind a reason that does not.
std::string NameOf(const std::string& path, const absl::Status& status) {
  return absl::StrContains(SystemReason(status), path) ? "" : absl::StrCat(" (", path, ")");
}

absl::StatusOr<SnapshotState> ReadState(const std::string& path, PhaseTimeline& timeline) {
  auto state = ReadSnapshot(path, timeline);
  if (state.ok()) {
    return state;
  }
  const std::string suffix = NameOf(path, state.status());
  if (ErrnoOf(state.status())) {
    return FaultFrom(state.status(), absl::StrCat(kStatePrefix, "Failed to open snapshot file: "),
                     suffix);
  }
  return FaultFrom(state.status(),
                   absl::StrCat(kStatePrefix, "Failed to load snapshot state from file: ",
                                absl::IsOutOfRange(state.status()) ? "IO Error: " : ""),
                   suffix);
}

// Those that a request has for one of the saved VM's devices.
template <typename Override>
const Override* Find(const std::vector<Override>& overrides, std::string Override::*id,
                     const std::string& wanted) {
  const auto found = std::find_if(overrides.begin(), overrides.end(),
                                  [&](const Override& one) { return one.*id == wanted; });
  return found == overrides.end() ? nullptr : &*found;
}

// Applies the configuration, one request of it at a time.
class Configurator {
 public:
  Configurator(const SnapshotLoadRequest& request, VmResources& resources)
      : request_(request), resources_(resources) {}

  absl::Status operator()(PutMachineConfig machine) {
    machine.config.track_dirty_pages = request_.track_dirty_pages;
    return resources_.SetMachine(machine.config);
  }
  absl::Status operator()(const PutCpuConfig& cpu) {
    resources_.SetCpu(cpu.config);
    return absl::OkStatus();
  }
  absl::Status operator()(const PutBootSource& boot) {
    // The guest has booted: its kernel's file need not exist any more.
    resources_.RecordBootSource(boot.config);
    return absl::OkStatus();
  }
  absl::Status operator()(PutDrive drive) {
    const DriveOverride* other =
        Find(request_.drive_overrides, &DriveOverride::drive_id, drive.config.drive_id);
    if (other != nullptr) {
      ++drives_;
      if (other->path_on_host) {
        drive.config.path_on_host = other->path_on_host;
      }
      if (other->rate_limiter) {
        drive.config.rate_limiter = other->rate_limiter;
      }
    }
    return resources_.SetDrive(drive.config);
  }
  absl::Status operator()(PutNetworkInterface network) {
    const NetworkOverride* other =
        Find(request_.network_overrides, &NetworkOverride::iface_id, network.config.iface_id);
    if (other != nullptr) {
      ++networks_;
      Apply(*other, network.config);
    }
    return resources_.SetNetwork(network.config);
  }
  absl::Status operator()(const PutMmdsConfig& mmds) { return resources_.SetMmds(mmds.config); }
  template <typename Other>
  absl::Status operator()(const Other& /*request*/) {
    return absl::OkStatus();
  }

  // Whether every override was for a device that there is.
  absl::Status CheckUsed() const {
    if (networks_ != request_.network_overrides.size()) {
      return Fault(kStatePrefix, "Unknown Network Device.");
    }
    if (drives_ != request_.drive_overrides.size()) {
      return Fault(kStatePrefix, "Unknown Block Device.");
    }
    if (request_.vsock_override && !request_.vsock_override->is_null()) {
      return Fault(kStatePrefix, "Unknown Vsock Device.");
    }
    return absl::OkStatus();
  }

 private:
  static void Apply(const NetworkOverride& other, NetworkInterfaceConfig& config) {
    if (other.host_dev_name) {
      config.host_dev_name = *other.host_dev_name;
    }
    if (other.guest_mac) {
      config.guest_mac = other.guest_mac;
    }
    if (other.rx_rate_limiter) {
      config.rx_rate_limiter = other.rx_rate_limiter;
    }
    if (other.tx_rate_limiter) {
      config.tx_rate_limiter = other.tx_rate_limiter;
    }
  }

  const SnapshotLoadRequest& request_;
  VmResources& resources_;
  size_t drives_ = 0;
  size_t networks_ = 0;
};

absl::Status Configure(const SnapshotState& state, const SnapshotLoadRequest& request,
                       VmResources& resources) {
  auto requests = ParseConfigFile(state.config_json);
  if (!requests.ok()) {
    return Fault(kStatePrefix, "Failed to load snapshot state from file: its configuration: ",
                 requests.status().message(), " (", request.snapshot_path, ")");
  }
  resources.RequireTaps();
  Configurator configurator(request, resources);
  for (ApiRequest& one : *requests) {
    RETURN_IF_ERROR(Annotate(std::visit(configurator, std::move(one)), "Failed to build microVM"));
  }
  return configurator.CheckUsed();
}

HugePages PagesOf(RestoredPages wanted, HugePages saved) {
  switch (wanted) {
    case RestoredPages::kSnapshot:
      return saved;
    case RestoredPages::kNone:
      return HugePages::kNone;
    case RestoredPages::kTransparent:
      return HugePages::kTransparent;
    case RestoredPages::k2M:
      return HugePages::k2M;
  }
  return saved;
}

absl::StatusOr<GuestMemory> MapFile(const std::string& path, const SnapshotState& state) {
  ASSIGN_OR_RETURN(const MemoryFile file, MemoryFile::Open(path));
  ASSIGN_OR_RETURN(GuestMemory memory, file.Map(state.vm.ram, state.vm.huge_pages));
  RETURN_IF_ERROR(CheckMemoryBelongs(memory, state));
  return memory;
}

absl::Status LoadMemory(const MemoryBackend& backend, LoadedSnapshot& snapshot) {
  if (backend.type == MemoryBackendType::kFile) {
    auto memory = MapFile(backend.path, snapshot.state);
    if (!memory.ok()) {
      const bool is_system = ErrnoOf(memory.status()).has_value();
      return FaultFrom(memory.status(),
                       absl::StrCat(kMemoryPrefix, "Error creating guest memory from file: ",
                                    is_system ? kMemoryPrefix : ""),
                       NameOf(backend.path, memory.status()));
    }
    snapshot.memory = *std::move(memory);
    return absl::OkStatus();
  }
  auto memory =
      UserfaultMemory::Create(snapshot.state.vm.ram, snapshot.state.vm.huge_pages, backend.path);
  if (!memory.ok()) {
    return Fault(kMemoryPrefix,
                 "Error creating guest memory from uffd: ", memory.status().message(),
                 NameOf(backend.path, memory.status()));
  }
  snapshot.memory = std::move(memory->memory);
  snapshot.userfault_fd = std::move(memory->userfault_fd);
  snapshot.userfault_socket = std::move(memory->socket);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LoadedSnapshot> LoadSnapshotFiles(const SnapshotLoadRequest& request,
                                                 VmResources& resources, PhaseTimeline& timeline) {
  LoadedSnapshot snapshot;
  ASSIGN_OR_RETURN(snapshot.state, ReadState(request.snapshot_path, timeline));
  snapshot.state.vm.huge_pages = PagesOf(request.huge_pages, snapshot.state.vm.huge_pages);
  RETURN_IF_ERROR(Configure(snapshot.state, request, resources));
  timeline.Mark("configure");
  RETURN_IF_ERROR(LoadMemory(*request.mem_backend, snapshot));
  timeline.Mark("map guest memory");
  return snapshot;
}

}  // namespace mayfly
