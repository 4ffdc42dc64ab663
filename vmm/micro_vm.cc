// What a VM does while it exists.

#include "vmm/micro_vm.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "vmm/micro_vm_builder.h"
#include "vmm/msr_policy.h"

namespace mayfly {

MicroVm::MicroVm(EventLoop* loop, Observer observer)
    : loop_(loop),
      observer_(std::move(observer)),
      end_signal_(loop, [this] { DeliverEnd(); }),
      run_control_(loop) {}

absl::StatusOr<std::unique_ptr<MicroVm>> MicroVm::Create(const MicroVmConfig& config,
                                                         const BootSource& boot,
                                                         SerialSink* serial_sink, EventLoop* loop,
                                                         Observer observer,
                                                         PhaseTimeline& timeline) {
  return MicroVmBuilder(config, serial_sink, loop, std::move(observer), timeline).Boot(boot);
}

absl::StatusOr<std::unique_ptr<MicroVm>> MicroVm::Restore(const MicroVmConfig& config,
                                                          RestoredVm restored,
                                                          SerialSink* serial_sink, EventLoop* loop,
                                                          Observer observer,
                                                          PhaseTimeline& timeline) {
  return MicroVmBuilder(config, serial_sink, loop, std::move(observer), timeline)
      .Restore(std::move(restored.memory), restored.state, restored.clock);
}

void MicroVm::ReopenDisks(
    const std::function<void(const std::string& name, const absl::Status&)>& on_done) {
  for (const auto& [name, disk] : disks_) {
    disk->Reopen(disk->path(),
                 [on_done, name = name](const absl::Status& status) { on_done(name, status); });
  }
}

void MicroVm::UpdateDrive(const DriveUpdate& update, absl::AnyInvocable<void(absl::Status)> done) {
  for (const auto& [name, disk] : disks_) {
    if (name != update.name) {
      continue;
    }
    if (!update.path) {
      disk->UpdateRateLimiter(update.rate_limiter.value_or(RateLimiterUpdate()));
      done(absl::OkStatus());
      return;
    }
    disk->Reopen(*update.path, [disk = disk, limits = update.rate_limiter,
                                done = std::move(done)](const absl::Status& status) mutable {
      if (status.ok() && limits) {
        disk->UpdateRateLimiter(*limits);
      }
      done(status);
    });
    return;
  }
  done(absl::NotFoundError(absl::StrCat("there is no disk ", update.name)));
}

absl::Status MicroVm::UpdateNetwork(absl::string_view name, const RateLimiterUpdate& receive,
                                    const RateLimiterUpdate& transmit) {
  for (const auto& [one, card] : networks_) {
    if (one == name) {
      card->UpdateReceiveLimiter(receive);
      card->UpdateTransmitLimiter(transmit);
      return absl::OkStatus();
    }
  }
  return absl::NotFoundError(absl::StrCat("there is no network card ", name));
}

absl::StatusOr<MicroVmState> MicroVm::Save() {
  if (!is_paused()) {
    return absl::FailedPreconditionError("the VM is not paused");
  }
  MicroVmState state = {.host_cpu = ThisHostCpu(), .huge_pages = huge_pages_};
  for (const GuestMemory::Region& region : memory_.regions()) {
    state.ram.push_back(region.range());
  }
  ASSIGN_OR_RETURN(const KvmSystem kvm, KvmSystem::Open());
  ASSIGN_OR_RETURN(const std::vector<uint32_t> listed, kvm.GetMsrIndexList());
  const std::vector<uint32_t> msrs = FindGuestStateMsrs(listed, vcpus_.front()->kvm());
  for (size_t i = 0; i < vcpus_.size(); ++i) {
    auto vcpu = SaveVcpu(vcpus_[i]->kvm(), msrs, vm_->GetXsaveSize());
    if (!vcpu.ok()) {
      return Annotate(vcpu.status(), absl::StrCat("vcpu ", i));
    }
    state.vcpus.push_back(*std::move(vcpu));
  }
  ASSIGN_OR_RETURN(state.machine, SaveMachine(*vm_));
  state.serial = serial_->State();
  state.i8042 = i8042_->State();
  for (size_t i = 0; i < disks_.size(); ++i) {
    const auto& [name, disk] = disks_[i];
    state.disks.push_back({name, slots_[i]->transport().State(), disk->State()});
  }
  for (size_t i = 0; i < networks_.size(); ++i) {
    const auto& [name, card] = networks_[i];
    state.networks.push_back({name, slots_[disks_.size() + i]->transport().State(), card->State()});
  }
  state.vm_generation = vm_generation_->State();
  state.vm_clock = vm_clock_->State();
  return state;
}

absl::Status MicroVm::CollectDirtyPages() {
  if (memory_.written().page_count() == 0) {
    return absl::OkStatus();
  }
  if (dirty_pages_.page_count() == 0) {
    dirty_pages_ = PageSet(memory_.page_count());
  }
  uint32_t slot = 0;
  uint64_t first_page = 0;
  for (const GuestMemory::Region& region : memory_.regions()) {
    const uint64_t page_count = region.mapping.size_bytes() / PageSet::kPageBytes;
    std::vector<uint64_t> bitmap((page_count + 63) / 64);
    RETURN_IF_ERROR(vm_->GetDirtyLog(slot++, bitmap));
    dirty_pages_.AddBitmap(first_page, bitmap);
    first_page += page_count;
  }
  dirty_pages_.AddAll(memory_.written());
  memory_.ClearWritten();
  return absl::OkStatus();
}

VmMetrics MicroVm::metrics() const {
  VmMetrics metrics = {.serial = serial_->counters(), .i8042 = i8042_->counters()};
  for (const auto& [name, disk] : disks_) {
    metrics.disks.emplace_back(name, disk->metrics());
  }
  for (const auto& [name, card] : networks_) {
    metrics.networks.emplace_back(name, card->metrics());
  }
  for (const std::unique_ptr<Vcpu>& vcpu : vcpus_) {
    metrics.vcpus.Add(vcpu->counts());
  }
  for (const std::unique_ptr<VirtioSlot>& slot : slots_) {
    const MmioTransport::Counters& counters = slot->transport().counters();
    metrics.interrupts.triggers += counters.interrupts.load(std::memory_order_relaxed);
    metrics.interrupts.config_updates += counters.config_updates.load(std::memory_order_relaxed);
  }
  return metrics;
}

void MicroVm::Quiesce(absl::AnyInvocable<void()> done) {
  if (slots_.empty()) {
    loop_->Post(std::move(done));
    return;
  }
  quiesced_ = std::move(done);
  busy_count_ = slots_.size();
  for (const std::unique_ptr<VirtioSlot>& slot : slots_) {
    slot->transport().device().Quiesce([this] {
      if (--busy_count_ == 0) {
        quiesced_();
      }
    });
  }
}

void MicroVm::ReportEnd(VmEnd end) {
  {
    MutexLock lock(&end_mutex_);
    if (end_) {
      return;
    }
    end_ = std::move(end);
  }
  end_signal_.Raise();
}

void MicroVm::DeliverEnd() {
  VmEnd end;
  {
    MutexLock lock(&end_mutex_);
    end = *end_;
  }
  observer_.on_end(end);
}

}  // namespace mayfly
