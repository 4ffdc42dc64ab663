// What each request does.

#include "api/vm_controller.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "api/fault.h"
#include "api/metrics_prometheus.h"
#include "api/product_version.h"
#include "api/start_fault.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "nlohmann/json.hpp"

namespace mayfly {
namespace {

// How long the guest's last output may take to get to a reader that is slow.
constexpr int64_t kFlushTimeoutUs = 1'000'000;

using Json = nlohmann::ordered_json;

// What a client wrote is valid UTF-8 everywhere; what a file name has of other bytes is replaced.
ApiReply JsonReply(const Json& json) {
  return {.body = json.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

absl::StatusOr<ApiReply> Reply(const absl::Status& status) {
  if (!status.ok()) {
    return status;
  }
  return ApiReply();
}

absl::string_view StateName(VmController::State state) {
  switch (state) {
    case VmController::State::kNotStarted:
      return "Not started";
    case VmController::State::kRunning:
      return "Running";
    case VmController::State::kPaused:
      return "Paused";
  }
  return "";
}

absl::Status MetadataFault(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("MMDS limit exceeded error: ", status.message()));
  }
  return status.ok() ? status : Fault("MMDS error: ", status.message());
}

}  // namespace

absl::Status VmController::CheckPhase(const ApiRequest& request) const {
  const RequestPhase phase = PhaseOf(request);
  const bool has_started = state_ != State::kNotStarted;
  if (phase == RequestPhase::kAfterStart && !has_started) {
    return Fault("The requested operation is not supported before starting the microVM.");
  }
  if (phase == RequestPhase::kBeforeStart && has_started) {
    return Fault("The requested operation is not supported after starting the microVM.");
  }
  return absl::OkStatus();
}

void VmController::Execute(ApiRequest request, Done done) {
  const absl::Status phase = CheckPhase(request);
  if (!phase.ok()) {
    done(phase);
    return;
  }
  std::visit([&](const auto& one) { Do(one, std::move(done)); }, request);
}

void VmController::Do(const GetInstanceInfo& /*request*/, Done done) {
  Json json;
  json["id"] = options_.id;
  json["state"] = std::string(StateName(state_));
  json["vmm_version"] = kApiVersion;
  json["app_name"] = "Firecracker";
  done(JsonReply(json));
}

void VmController::Do(const GetVersion& /*request*/, Done done) {
  Json json;
  json["firecracker_version"] = kApiVersion;
  done(JsonReply(json));
}

void VmController::Do(const GetVmConfig& /*request*/, Done done) {
  done(JsonReply(resources_.ToJson()));
}

void VmController::Do(const GetMachineConfig& /*request*/, Done done) {
  done(JsonReply(MachineConfigToJson(resources_.machine())));
}

void VmController::Do(const GetMmds& /*request*/, Done done) {
  done(ApiReply{.body = environment_.mmds->store().Text()});
}

void VmController::Do(const GetMetrics& /*request*/, Done done) {
  done(ApiReply{.body = environment_.metrics_writer->PrometheusText(),
                .content_type = std::string(kPrometheusContentType)});
}

void VmController::Do(const PutBootSource& request, Done done) {
  done(Reply(resources_.SetBootSource(request.config)));
}

void VmController::Do(const PutMachineConfig& request, Done done) {
  done(Reply(resources_.SetMachine(request.config)));
}

void VmController::Do(const PatchMachineConfig& request, Done done) {
  done(Reply(resources_.UpdateMachine(request.update)));
}

void VmController::Do(const PutCpuConfig& request, Done done) {
  resources_.SetCpu(request.config);
  done(ApiReply());
}

void VmController::Do(const PutDrive& request, Done done) {
  done(Reply(state_ == State::kNotStarted ? resources_.SetDrive(request.config)
                                          : Fault("PCI is not enabled")));
}

void VmController::Do(const PutNetworkInterface& request, Done done) {
  done(Reply(state_ == State::kNotStarted ? resources_.SetNetwork(request.config)
                                          : Fault("PCI is not enabled")));
}

void VmController::Do(const DeleteDevice& /*request*/, Done done) {
  done(Fault("PCI is not enabled"));
}

void VmController::Do(const PatchDrive& request, Done done) {
  const DriveUpdate& update = request.update;
  constexpr absl::string_view kPrefix = "Drive config error: Unable to patch the block device: ";
  if (!update.path_on_host && !update.rate_limiter) {
    done(Fault(kPrefix,
               "Block: Running method expected different backend. Please verify the request "
               "arguments."));
    return;
  }
  vm_->UpdateDrive(
      {.name = update.drive_id, .path = update.path_on_host, .rate_limiter = update.rate_limiter},
      [this, kPrefix, update, done = std::move(done)](const absl::Status& status) mutable {
        if (absl::IsNotFound(status) && !ErrnoOf(status)) {
          done(Fault(kPrefix, "Failed perform action on device: Device not found"));
          return;
        }
        if (!status.ok()) {
          done(Fault(kPrefix, "Block: Virtio backend error: Error manipulating the backing file: ",
                     SystemReason(status), " ", update.path_on_host.value_or("")));
          return;
        }
        resources_.RecordDriveUpdate(update);
        done(ApiReply());
      });
}

void VmController::Do(const PatchNetworkInterface& request, Done done) {
  const NetworkInterfaceUpdate& update = request.update;
  const absl::Status status =
      vm_->UpdateNetwork(update.iface_id, update.rx_rate_limiter.value_or(RateLimiterUpdate()),
                         update.tx_rate_limiter.value_or(RateLimiterUpdate()));
  if (!status.ok()) {
    done(Fault("Network config error: Failed perform action on device: Device not found"));
    return;
  }
  resources_.RecordNetworkUpdate(update);
  done(ApiReply());
}

void VmController::Do(const PutLogger& request, Done done) {
  const LoggerConfig& config = request.config;
  const absl::Status status = UpdateLog({.path = config.log_path,
                                         .level = config.level,
                                         .show_level = config.show_level,
                                         .show_origin = config.show_log_origin,
                                         .module = config.module});
  done(Reply(status.ok() ? status
                         : FaultFrom(status, "Logger error: Failed to open target file: ")));
}

void VmController::Do(const PutMetrics& request, Done done) {
  const absl::Status status = environment_.metrics_writer->Configure(request.config);
  done(Reply(status.ok() ? status : Fault("Metrics error: ", status.message())));
}

void VmController::Do(const PutMmdsConfig& request, Done done) {
  done(Reply(resources_.SetMmds(request.config)));
}

void VmController::Do(const PutMmds& request, Done done) {
  done(Reply(MetadataFault(environment_.mmds->store().PutText(request.json))));
}

void VmController::Do(const PatchMmds& request, Done done) {
  done(Reply(MetadataFault(environment_.mmds->store().PatchText(request.json))));
}

void VmController::Do(const PutSerial& request, Done done) {
  serial_ = request.config;
  done(ApiReply());
}

void VmController::Do(const FlushMetrics& /*request*/, Done done) {
  environment_.metrics_writer->Write();
  done(ApiReply());
}

void VmController::Do(const SendCtrlAltDel& /*request*/, Done done) {
  const absl::Status status = vm_->i8042().TriggerCtrlAltDel();
  if (absl::IsFailedPrecondition(status)) {
    // Firecracker presses keys that nobody listens to.
    MAYFLY_LOG(Warn, "Ctrl-Alt-Del: ", status.message());
    done(ApiReply());
    return;
  }
  done(Reply(status.ok() ? status : Fault("Internal VMM error: ", status.message())));
}

void VmController::Do(const PatchVmState& request, Done done) {
  if (request.state == VmRunState::kPaused) {
    Pause(std::move(done));
  } else {
    Resume(std::move(done));
  }
}

void VmController::Pause(Done done) {
  if (state_ == State::kPaused) {
    done(ApiReply());
    return;
  }
  const int64_t start_us = MonotonicTimeUs();
  vm_->Pause([this, start_us, done = std::move(done)](const absl::Status& status) mutable {
    if (!status.ok()) {
      MAYFLY_LOG(Error, "pause: ", status.message());
      done(Fault("Internal VMM error: Failed to pause the vCPUs."));
      return;
    }
    state_ = State::kPaused;
    environment_.metrics->latencies_us.vmm_pause_vm =
        static_cast<uint64_t>(MonotonicTimeUs() - start_us);
    done(ApiReply());
  });
}

void VmController::Resume(Done done) {
  if (state_ == State::kPaused) {
    const int64_t start_us = MonotonicTimeUs();
    if (!vm_->Resume().ok()) {
      done(Fault("Internal VMM error: Failed to resume the vCPUs."));
      return;
    }
    state_ = State::kRunning;
    environment_.metrics->latencies_us.vmm_resume_vm =
        static_cast<uint64_t>(MonotonicTimeUs() - start_us);
  }
  done(ApiReply());
}

void VmController::Do(const InstanceStart& /*request*/, Done done) {
  MAYFLY_LOG(Debug, "event_start: build microvm for boot");
  absl::Status status = StartVm();
  MAYFLY_LOG(Debug, "event_end: build microvm for boot");
  if (!status.ok()) {
    DropVm();
    done(status);
    return;
  }
  state_ = State::kRunning;
  resources_.CloseFiles();
  if (environment_.metrics_writer != nullptr) {
    environment_.metrics_writer->Write();
  }
  done(ApiReply());
}

absl::Status VmController::StartVm() {
  if (resources_.machine().cpu_template != StaticCpuTemplate::kNone) {
    return Fault(
        "Start microvm error: Failed to get CPU template: The current CPU model is not permitted "
        "to apply the CPU template.");
  }
  const auto boot = resources_.BuildBootSource();
  if (!boot.ok()) {
    return StartFault(boot.status(), nullptr);
  }
  auto config = resources_.BuildVmConfig();
  if (!config.ok()) {
    return StartFault(config.status(), *boot);
  }
  const absl::Status status = BuildVm(*std::move(config), **boot);
  return status.ok() ? status : StartFault(status, *boot);
}

absl::Status VmController::BuildVm(MicroVmConfig config, const BootSource& boot) {
  config.has_boot_timer = options_.has_boot_timer;
  config.boot_start = options_.boot_start.value_or(
      BootTimer::Start{.monotonic_us = MonotonicTimeUs(), .cpu_us = ProcessCpuTimeUs()});
  RETURN_IF_ERROR(AddMetadataService(config));
  Console::Options console = options_.console;
  console.serial = serial_;
  ASSIGN_OR_RETURN(console_, Console::Create(environment_.loop, std::move(console)));
  ASSIGN_OR_RETURN(vm_, MicroVm::Create(config, boot, console_->sink(), environment_.loop,
                                        options_.observer, *environment_.timeline));
  RETURN_IF_ERROR(console_->OpenInput(&vm_->serial()));
  environment_.timeline->Mark("console");
  return vm_->Start();
}

absl::Status VmController::AddMetadataService(MicroVmConfig& config) const {
  const std::optional<MmdsSettings>& mmds = resources_.mmds();
  if (!mmds) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(
      environment_.mmds->Configure({.version = mmds->version,
                                    .ipv4 = mmds->ipv4_address.value_or(MmdsConfig::kDefaultIpv4),
                                    .is_imds_compatible = mmds->imds_compat}));
  for (NetworkConfig& network : config.networks) {
    const auto& ids = mmds->network_interfaces;
    if (std::find(ids.begin(), ids.end(), network.name) != ids.end()) {
      network.make_detour = [this] { return environment_.mmds->MakeDetour(environment_.loop); };
    }
  }
  return absl::OkStatus();
}

void VmController::DropVm() {
  if (console_ != nullptr) {
    console_->RestoreTerminal();
  }
  vm_.reset();
  console_.reset();
}

void VmController::Shutdown(absl::AnyInvocable<void()> done) {
  if (vm_ == nullptr) {
    environment_.loop->Post(std::move(done));
    return;
  }
  vm_->Stop();
  vm_->Quiesce([this, done = std::move(done)]() mutable {
    console_->Flush(MonotonicTimeUs() + kFlushTimeoutUs, std::move(done));
  });
}

}  // namespace mayfly
