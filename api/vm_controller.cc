// What each request does.

#include "api/vm_controller.h"

#include <utility>
#include <variant>

#include "api/device_update.h"
#include "api/fault.h"
#include "api/metrics_prometheus.h"
#include "api/product_version.h"
#include "api/vm_boot.h"
#include "api/vm_restore.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "nlohmann/json.hpp"

namespace mayfly {
namespace {

// How long the guest's last output may take to get to a reader that is slow.
constexpr int64_t kFlushTimeoutUs = 1'000'000;
constexpr int64_t kLateLogUs = 100'000;

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
  is_configured_ = is_configured_ || ConfiguresBoot(request);
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
  UpdateDrive(
      request.update, vm(), &resources_,
      [done = std::move(done)](const absl::Status& status) mutable { done(Reply(status)); });
}

void VmController::Do(const PatchNetworkInterface& request, Done done) {
  done(Reply(UpdateNetwork(request.update, vm(), &resources_)));
}

void VmController::Do(const PutLogger& request, Done done) {
  done(Reply(ApplyLogger(request.config)));
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
  done(Reply(StrikeCtrlAltDel(vm())));
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
  vm()->Pause([this, start_us, done = std::move(done)](const absl::Status& status) mutable {
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
    if (!vm()->Resume().ok()) {
      done(Fault("Internal VMM error: Failed to resume the vCPUs."));
      return;
    }
    state_ = State::kRunning;
    environment_.metrics->latencies_us.vmm_resume_vm =
        static_cast<uint64_t>(MonotonicTimeUs() - start_us);
    StartWorkingSet();
  }
  done(ApiReply());
}

void VmController::Do(const InstanceStart& /*request*/, Done done) {
  MAYFLY_LOG(Debug, "event_start: build microvm for boot");
  const absl::Status status = BootVm(
      {.is_present = options_.has_boot_timer, .start = options_.boot_start},
      MachineEnvironmentWith(environment_.timeline), ConsoleOptions(), options_.observer, machine_);
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

void VmController::Do(const LoadSnapshot& load, Done done) {
  PhaseTimeline timeline(MonotonicTimeUs());
  const absl::Status status = is_configured_
                                  ? Fault(
                                        "Loading a microVM snapshot not allowed after configuring "
                                        "boot-specific resources.")
                                  : Restore(load.request, timeline);
  if (!status.ok()) {
    DropVm();
    done(Annotate(status, "Load snapshot error"));
    if (options_.on_failed_load) {
      options_.on_failed_load();
    }
    return;
  }
  environment_.metrics->latencies_us.vmm_load_snapshot =
      static_cast<uint64_t>(MonotonicTimeUs() - timeline.start_us());
  done(ApiReply());
  // What can wait for the guest to run.
  if (state_ == State::kRunning) {
    StartWorkingSet();
  }
  resources_.CloseFiles();
  if (IsLogged(LogLevel::kDebug)) {
    // By then it has run, if it is going to.
    late_log_.emplace(environment_.loop,
                      [this, timeline] { LogRestore(timeline, vm()->first_run_us()); });
    late_log_->Set(MonotonicTimeUs() + kLateLogUs);
  }
}

absl::Status VmController::Restore(const SnapshotLoadRequest& request, PhaseTimeline& timeline) {
  ASSIGN_OR_RETURN(machine_, RestoreVm(request, MachineEnvironmentWith(&timeline), ConsoleOptions(),
                                       options_.observer));
  state_ = State::kPaused;
  if (!request.resume_vm) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(vm()->Resume());
  state_ = State::kRunning;
  timeline.Mark("resume");
  return absl::OkStatus();
}

// What is wrong is said when a VM is wanted.
void VmController::Prepare() {
  if (state_ != State::kNotStarted) {
    return;
  }
  if (!prepared_kvm_) {
    WarmUpRestore();
    if (auto kvm = PreparedKvm::Create(); kvm.ok()) {
      prepared_kvm_ = *std::move(kvm);
    }
  } else if (!prepared_kvm_->Complete().ok()) {
    prepared_kvm_.reset();
  }
}

MachineEnvironment VmController::MachineEnvironmentWith(PhaseTimeline* timeline) {
  return {.loop = environment_.loop,
          .mmds = environment_.mmds,
          .resources = &resources_,
          .timeline = timeline,
          .prepared_kvm = &prepared_kvm_,
          .thread_hooks = options_.thread_hooks};
}

Console::Options VmController::ConsoleOptions() const {
  Console::Options console = options_.console;
  console.serial = serial_;
  return console;
}

void VmController::StartWorkingSet() {
  if (machine_.working_set != nullptr && !std::exchange(has_working_set_started_, true)) {
    machine_.working_set->Start();
  }
}

void VmController::Do(const RecordWorkingSet& /*request*/, Done done) {
  const absl::Status status =
      machine_.working_set != nullptr
          ? machine_.working_set->Record()
          : absl::FailedPreconditionError("the VM was not restored from a memory file");
  done(Reply(status.ok() ? status : Fault("Working set error: ", status.message())));
}

void VmController::Do(const CreateSnapshot& create, Done done) {
  if (state_ != State::kPaused) {
    done(
        Fault("Create snapshot error: Cannot create snapshot: save/restore unavailable while "
              "running"));
    return;
  }
  const SnapshotCreateRequest& request = create.request;
  snapshot_ = std::make_unique<SnapshotCreator>(
      environment_.loop, vm(),
      SnapshotCreator::Options{
          .kind = request.kind == SnapshotKind::kFull ? MemoryWriter::Kind::kFull
                                                      : MemoryWriter::Kind::kDiff,
          .state_path = request.snapshot_path,
          .memory_path = request.mem_file_path,
          .config_json = resources_.ToJson().dump(-1, ' ', false, Json::error_handler_t::replace),
          .mayfly_version = MAYFLY_VERSION});
  snapshot_->Start([this, kind = request.kind, start_us = MonotonicTimeUs(),
                    done = std::move(done)](const absl::Status& status) mutable {
    OnSnapshotDone(kind, start_us, status, std::move(done));
  });
}

void VmController::OnSnapshotDone(SnapshotKind kind, int64_t start_us, const absl::Status& status,
                                  Done done) {
  if (status.ok()) {
    MonitorMetrics::Latencies& latencies = environment_.metrics->latencies_us;
    (kind == SnapshotKind::kFull ? latencies.vmm_full_create_snapshot
                                 : latencies.vmm_diff_create_snapshot) =
        static_cast<uint64_t>(MonotonicTimeUs() - start_us);
    MAYFLY_LOG(Info, "Snapshot: ", snapshot_->memory_bytes(), " bytes of memory, ",
               snapshot_->state_bytes(), " bytes of state.");
  }
  // Whoever called is of it. What a failed one has staged is gone when the client hears of it.
  environment_.loop->Post([this, status, done = std::move(done)]() mutable {
    snapshot_.reset();
    done(status.ok() ? absl::StatusOr<ApiReply>(ApiReply())
                     : Fault("Create snapshot error: Cannot create snapshot: ", status.message()));
  });
}

void VmController::DropVm() {
  late_log_.reset();
  snapshot_.reset();
  if (machine_.console != nullptr) {
    machine_.console->RestoreTerminal();
  }
  machine_.working_set.reset();
  machine_.vm.reset();
  machine_.console.reset();
}

void VmController::Shutdown(absl::AnyInvocable<void()> done) {
  // Cancelled: what stood at its paths stays.
  snapshot_.reset();
  if (vm() == nullptr) {
    environment_.loop->Post(std::move(done));
    return;
  }
  vm()->Stop();
  vm()->Quiesce([this, done = std::move(done)]() mutable {
    machine_.console->Flush(MonotonicTimeUs() + kFlushTimeoutUs, std::move(done));
  });
}

}  // namespace mayfly
