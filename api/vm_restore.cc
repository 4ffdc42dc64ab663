// The order in which a VM is restored.

#include "api/vm_restore.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/config_file.h"
#include "api/fatal_signals.h"
#include "api/fault.h"
#include "api/snapshot_load.h"
#include "base/log.h"
#include "base/page_set.h"
#include "base/status.h"
#include "snapshot/state_codec.h"
#include "snapshot/state_file.h"
#include "vmm/guest_ram.h"
#include "vmm/host_cpu.h"

namespace mayfly {
namespace {

absl::StatusOr<Machine> Restore(const SnapshotLoadRequest& request,
                                const MachineEnvironment& environment, Console::Options console,
                                MicroVm::Observer observer) {
  PhaseTimeline& timeline = *environment.timeline;
  ASSIGN_OR_RETURN(LoadedSnapshot snapshot,
                   LoadSnapshotFiles(request, *environment.resources, timeline));
  if (!request.mmds_text.empty()) {
    RETURN_IF_ERROR(environment.mmds->store().PutText(request.mmds_text));
  }
  ASSIGN_OR_RETURN(MicroVmConfig config, environment.resources->BuildVmConfig());
  RETURN_IF_ERROR(AddMetadataService(environment, config));
  config.prepared_kvm = environment.prepared_kvm;
  config.thread_hooks = environment.thread_hooks;
  if (request.serial_out_path) {
    console.serial.serial_out_path = request.serial_out_path;
  }
  Machine machine;
  if (request.mem_backend->type == MemoryBackendType::kFile) {
    machine.memory_path = request.mem_backend->path;
    NameMemoryFile(machine.memory_path);
  }
  ASSIGN_OR_RETURN(machine.console, Console::Create(environment.loop, std::move(console)));
  timeline.Mark("console");
  machine.userfault_fd = std::move(snapshot.userfault_fd);
  machine.userfault_socket = std::move(snapshot.userfault_socket);
  ASSIGN_OR_RETURN(
      machine.vm,
      MicroVm::Restore(
          config,
          {.memory = std::move(snapshot.memory),
           .state = snapshot.state.vm,
           .clock = request.clock_realtime ? RestoredClock::kRealTime : RestoredClock::kContinues},
          machine.console->sink(), environment.loop, std::move(observer), timeline));
  RETURN_IF_ERROR(machine.console->OpenInput(&machine.vm->serial()));
  if (request.mem_backend->type == MemoryBackendType::kFile) {
    machine.working_set = std::make_unique<WorkingSetTracker>(
        environment.loop, &machine.vm->memory(),
        WorkingSetTracker::Options{
            .mode = request.working_set,
            .memory_path = request.mem_backend->path,
            .snapshot_id = snapshot.state.id[0],
            .record_after_ms = request.working_set_ms,
            .on_note = [](absl::string_view text) { MAYFLY_LOG(Info, text); }});
  }
  return machine;
}

}  // namespace

absl::StatusOr<Machine> RestoreVm(const SnapshotLoadRequest& request,
                                  const MachineEnvironment& environment, Console::Options console,
                                  MicroVm::Observer observer) {
  auto machine = Restore(request, environment, std::move(console), std::move(observer));
  if (machine.ok()) {
    return machine;
  }
  return FaultAbout(machine.status(),
                    absl::StrCat("Failed to restore from snapshot: ", machine.status().message()));
}

void WarmUpRestore() {
  constexpr absl::string_view kConfig =
      R"({"drives":[{"drive_id":"a","is_root_device":true,"path_on_host":"","cache_type":"Unsafe",)"
      R"("is_read_only":false,"io_engine":"Sync"}],"boot-source":{"kernel_image_path":""},)"
      R"("machine-config":{"vcpu_count":1,"mem_size_mib":1},"network-interfaces":)"
      R"([{"iface_id":"a","host_dev_name":"a","guest_mac":"06:00:00:00:00:01"}]})";
  constexpr absl::string_view kLoad =
      R"({"snapshot_path":"","mem_backend":{"backend_path":"","backend_type":"File"}})";
  SnapshotState state = {
      .vm = {.host_cpu = ThisHostCpu(), .ram = GuestRamRanges(PageSet::kPageBytes)}};
  state.vm.vcpus.emplace_back();
  const std::vector<uint8_t> file = FrameState(EncodeState(state));
  const auto payload = UnframeState(file);
  if (!ParseConfigFile(kConfig).ok() || !ParseSnapshotLoad(kLoad).ok() || !payload.ok() ||
      !DecodeState(*payload).ok()) {
    MAYFLY_LOG(Debug, "restore: the warm-up's own texts are wrong");
  }
}

void LogRestore(const PhaseTimeline& timeline, int64_t first_run_us) {
  int64_t begin_us = timeline.start_us();
  for (const PhaseTimeline::Phase& phase : timeline.phases()) {
    MAYFLY_LOG(Debug, "restore: ", phase.name, " ", phase.end_us - begin_us, " us");
    begin_us = phase.end_us;
  }
  if (first_run_us == 0) {
    MAYFLY_LOG(Debug, "restore: the guest has not run");
    return;
  }
  MAYFLY_LOG(Debug, "restore: the guest ran after ", first_run_us - timeline.start_us(), " us, at ",
             first_run_us, " us");
}

}  // namespace mayfly
