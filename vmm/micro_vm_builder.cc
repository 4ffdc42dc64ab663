// Builds VMs.

#include "vmm/micro_vm_builder.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "vmm/boot_state.h"
#include "vmm/cpuid_policy.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

absl::StatusOr<Tap> OpenTap(const NetworkConfig& network) {
  if (network.tap != nullptr) {
    return network.tap->Duplicate();
  }
  return network.tap_fd >= 0 ? Tap::Adopt(OwnedFd(network.tap_fd))
                             : Tap::Open(network.tap_name, Tap::Missing::kIsError);
}

absl::Status ModifyMsrs(std::span<const MsrModifier> modifiers, const KvmVcpu& vcpu) {
  for (const MsrModifier& modifier : modifiers) {
    const kvm_msr_entry wanted[] = {{.index = modifier.address}};
    ASSIGN_OR_RETURN(std::vector<kvm_msr_entry> msrs, vcpu.GetMsrs(wanted));
    msrs[0].data = modifier.bits.Apply(msrs[0].data);
    RETURN_IF_ERROR(vcpu.SetMsrs(msrs));
  }
  return absl::OkStatus();
}

// How far a TSC may be off before a guest's clock drifts too much to notice nothing (Firecracker's
// limit as well).
constexpr uint64_t kTscTolerancePpm = 250;

template <typename State, typename Device>
absl::Status RestoreDevice(const std::string& name, const State& state, MmioTransport& transport,
                           Device& device) {
  if (state.name != name) {
    return absl::InvalidArgumentError(
        absl::StrCat("where its configuration has ", name, " its state has ", state.name));
  }
  RETURN_IF_ERROR(Annotate(transport.Restore(state.transport), name));
  return Annotate(device.Restore(state.device), name);
}

// KVM gives a new vCPU the host's frequency.
absl::Status MatchTscFrequency(uint32_t saved_khz, const KvmVcpu& vcpu) {
  const uint32_t host_khz = vcpu.GetTscKhz().value_or(0);
  if (saved_khz == 0 || host_khz == 0) {
    return absl::OkStatus();
  }
  const uint64_t difference = saved_khz > host_khz ? saved_khz - host_khz : host_khz - saved_khz;
  if (difference * 1'000'000 <= kTscTolerancePpm * saved_khz) {
    return absl::OkStatus();
  }
  const absl::Status status = vcpu.SetTscKhz(saved_khz);
  if (!status.ok()) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "the snapshot's time stamp counter runs at %u kHz, this host's at %u kHz, and this host "
        "cannot scale it (%s)",
        saved_khz, host_khz, status.message()));
  }
  return absl::OkStatus();
}

}  // namespace

MicroVmBuilder::MicroVmBuilder(const MicroVmConfig& config, SerialSink* serial_sink,
                               EventLoop* loop, MicroVm::Observer observer, PhaseTimeline& timeline)
    : config_(config),
      serial_sink_(serial_sink),
      loop_(loop),
      timeline_(timeline),
      vm_(new MicroVm(loop, std::move(observer))) {
  vm_->run_control_.SetThreadHooks(config.thread_hooks);
}

absl::StatusOr<std::unique_ptr<MicroVm>> MicroVmBuilder::Boot(const BootSource& boot) {
  if (config_.vcpu_count < 1 || config_.vcpu_count > layout::kMaxVcpus) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the number of vCPUs must be 1 to ", layout::kMaxVcpus, ", not ", config_.vcpu_count));
  }
  ASSIGN_OR_RETURN(const std::vector<VirtioMmioResource> resources,
                   PlaceVirtioDevices(config_.disks.size() + config_.networks.size()));
  ASSIGN_OR_RETURN(std::vector<NamedDevice> devices, OpenDevices());
  timeline_.Mark("open disks and TAPs");
  ASSIGN_OR_RETURN(PreparedKvm kvm, OpenKvm());
  vm_->huge_pages_ = config_.ram.huge_pages;
  ASSIGN_OR_RETURN(vm_->memory_, CreateGuestRam(config_.ram));
  timeline_.Mark("create guest RAM");
  RETURN_IF_ERROR(CreateMachine(kvm));
  const BootOptions options = {
      .vcpu_count = config_.vcpu_count,
      .placement = config_.ram.huge_pages == HugePages::kNone ? Placement::kMap : Placement::kRead,
      .virtio_devices = resources};
  ASSIGN_OR_RETURN(const BootEntry entry, PrepareBoot(boot, options, vm_->memory_, timeline_));
  RETURN_IF_ERROR(CreateDevices());
  RETURN_IF_ERROR(CreateGeneration());
  RETURN_IF_ERROR(CreateBootTimer());
  RETURN_IF_ERROR(PlugIn(std::move(devices), resources));
  timeline_.Mark("create devices");
  RETURN_IF_ERROR(CreateVcpus(kvm, entry));
  return std::move(vm_);
}

absl::StatusOr<std::unique_ptr<MicroVm>> MicroVmBuilder::Restore(GuestMemory memory,
                                                                 const MicroVmState& state,
                                                                 RestoredClock clock) {
  if (state.vcpus.empty() || state.vcpus.size() > layout::kMaxVcpus) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the number of vCPUs must be 1 to ", layout::kMaxVcpus, ", not ", state.vcpus.size()));
  }
  RETURN_IF_ERROR(CheckHostCpu(state.host_cpu, state.vcpus[0].cpuid));
  ASSIGN_OR_RETURN(const std::vector<VirtioMmioResource> resources,
                   PlaceVirtioDevices(config_.disks.size() + config_.networks.size()));
  vm_->huge_pages_ = state.huge_pages;
  vm_->memory_ = std::move(memory);
  vm_->has_base_ = true;
  ASSIGN_OR_RETURN(std::vector<NamedDevice> devices, OpenDevices());
  timeline_.Mark("open disks and TAPs");
  ASSIGN_OR_RETURN(PreparedKvm kvm, OpenKvm());
  RETURN_IF_ERROR(CreateMachine(kvm));
  RETURN_IF_ERROR(RestoreVcpus(kvm, state));
  RETURN_IF_ERROR(vm_->run_control_.StartThreads(vm_->vcpus_));
  timeline_.Mark("start the vCPUs' threads");
  RETURN_IF_ERROR(RestoreMachine(state.machine, clock, *vm_->vm_));
  timeline_.Mark("restore the machine");
  RETURN_IF_ERROR(CreateDevices());
  RETURN_IF_ERROR(PlugIn(std::move(devices), resources));
  RETURN_IF_ERROR(RestoreDevices(state));
  timeline_.Mark("restore devices");
  vm_->run_control_.AddPaused(vm_->slots_);
  return std::move(vm_);
}

absl::StatusOr<PreparedKvm> MicroVmBuilder::OpenKvm() {
  const CpuTemplate cpu_template = config_.cpu_template.value_or(CpuTemplate());
  ASSIGN_OR_RETURN(PreparedKvm kvm,
                   PreparedKvm::Take(config_.prepared_kvm, cpu_template.capabilities));
  timeline_.Mark("KVM_CREATE_VM");
  return kvm;
}

absl::Status MicroVmBuilder::CreateMachine(PreparedKvm& kvm) {
  RETURN_IF_ERROR(AddMemorySlots(kvm.vm));
  timeline_.Mark("memory slots");
  RETURN_IF_ERROR(kvm.Complete());
  timeline_.Mark("irqchip, PIT, KVM_CREATE_VCPU 0");
  vm_->vm_ = std::move(kvm.vm);
  return absl::OkStatus();
}

absl::StatusOr<KvmVcpu> MicroVmBuilder::TakeVcpu(PreparedKvm& kvm, uint32_t index) {
  return index == 0 ? *std::move(kvm.first_vcpu) : vm_->vm_->CreateVcpu(index, kvm.vcpu_mmap_bytes);
}

absl::Status MicroVmBuilder::AddMemorySlots(const KvmVm& vm) {
  const uint32_t flags = config_.tracks_dirty_pages ? KVM_MEM_LOG_DIRTY_PAGES : 0;
  vm_->memory_.TrackWrites(config_.tracks_dirty_pages);
  uint32_t slot = 0;
  for (const GuestMemory::Region& region : vm_->memory_.regions()) {
    RETURN_IF_ERROR(vm.SetUserMemoryRegion({.slot = slot++,
                                            .start = region.start,
                                            .size_bytes = region.mapping.size_bytes(),
                                            .host_memory = region.mapping.data(),
                                            .flags = flags}));
  }
  return absl::OkStatus();
}

absl::Status MicroVmBuilder::CreateDevices() {
  MicroVm* vm = vm_.get();
  ASSIGN_OR_RETURN(vm->serial_irq_, IrqFd::Create(*vm->vm_, layout::kSerialGsi));
  vm->serial_ = std::make_unique<Serial>(vm->serial_irq_.get(), serial_sink_);
  RETURN_IF_ERROR(vm->ports_.Attach(layout::kSerialPort, Serial::kPortCount, vm->serial_.get()));
  ASSIGN_OR_RETURN(vm->i8042_irq_, IrqFd::Create(*vm->vm_, layout::kI8042Gsi));
  vm->i8042_ = std::make_unique<I8042>(vm->i8042_irq_.get(),
                                       [vm] { vm->ReportEnd({.kind = VmEnd::Kind::kReset}); });
  RETURN_IF_ERROR(vm->ports_.Attach(layout::kI8042Port, I8042::kPortCount, vm->i8042_.get()));
  vm->acpi_sleep_ =
      std::make_unique<AcpiSleep>([vm] { vm->ReportEnd({.kind = VmEnd::Kind::kPowerOff}); });
  RETURN_IF_ERROR(
      vm->ports_.Attach(layout::kSleepPort, layout::kSleepPortCount, vm->acpi_sleep_.get()));
  ASSIGN_OR_RETURN(vm->vm_generation_irq_, IrqFd::Create(*vm->vm_, layout::kVmGenIdGsi));
  ASSIGN_OR_RETURN(vm->vm_clock_irq_, IrqFd::Create(*vm->vm_, layout::kVmClockGsi));
  return absl::OkStatus();
}

absl::Status MicroVmBuilder::CreateBootTimer() {
  if (!config_.has_boot_timer) {
    return absl::OkStatus();
  }
  const BootTimer::Start start = config_.boot_start.value_or(
      BootTimer::Start{.monotonic_us = timeline_.start_us(), .cpu_us = 0});
  vm_->boot_timer_ = std::make_unique<BootTimer>(start, [vm = vm_.get()](BootTime time) {
    vm->loop_->Post([vm, time] { vm->observer_.on_boot_time(time); });
  });
  return vm_->mmio_.Attach(layout::kBootTimer.value(), BootTimer::kSizeBytes,
                           vm_->boot_timer_.get());
}

absl::StatusOr<std::vector<MicroVmBuilder::NamedDevice>> MicroVmBuilder::OpenDevices() {
  std::vector<NamedDevice> devices;
  for (const DiskConfig& disk : config_.disks) {
    BlockDeviceOptions options = disk.options;
    options.on_warning = WarningSink(disk.name);
    auto file = disk.file != nullptr ? disk.file->Duplicate() : BackingFile::Open(options.file);
    auto device = file.ok() ? BlockDevice::Create(loop_, std::move(options), *std::move(file))
                            : file.status();
    if (!device.ok()) {
      return Annotate(device.status(), disk.name);
    }
    vm_->disks_.emplace_back(disk.name, device->get());
    devices.push_back({disk.name, *std::move(device)});
  }
  for (const NetworkConfig& network : config_.networks) {
    auto tap = OpenTap(network);
    if (!tap.ok()) {
      return Annotate(tap.status(), network.name);
    }
    NetDeviceOptions options = network.options;
    options.on_warning = WarningSink(network.name);
    auto device = std::make_unique<NetDevice>(
        loop_, *std::move(tap), std::move(options),
        network.make_detour ? network.make_detour() : std::unique_ptr<FrameDetour>());
    vm_->networks_.emplace_back(network.name, device.get());
    devices.push_back({network.name, std::move(device)});
  }
  return devices;
}

// The VM moves no more once it is made.
std::function<void(absl::string_view)> MicroVmBuilder::WarningSink(const std::string& name) const {
  return [vm = vm_.get(), name](absl::string_view text) {
    if (vm->observer_.on_warning) {
      vm->observer_.on_warning(absl::StrCat(name, ": ", text));
    }
  };
}

absl::Status MicroVmBuilder::PlugIn(std::vector<NamedDevice> devices,
                                    std::span<const VirtioMmioResource> resources) {
  const VirtioSlot::Machine machine = {
      .vm = &*vm_->vm_, .loop = loop_, .memory = &vm_->memory_, .mmio = &vm_->mmio_};
  for (size_t i = 0; i < devices.size(); ++i) {
    auto slot = VirtioSlot::Create(machine, resources[i], std::move(devices[i].device),
                                   {.on_warning = WarningSink(devices[i].name)});
    if (!slot.ok()) {
      return Annotate(slot.status(), devices[i].name);
    }
    vm_->slots_.push_back(*std::move(slot));
  }
  return absl::OkStatus();
}

absl::Status MicroVmBuilder::CreateVcpus(PreparedKvm& kvm, const BootEntry& entry) {
  VcpuSetup setup = {.entry = entry};
  ASSIGN_OR_RETURN(setup.cpuid, kvm.kvm.GetSupportedCpuid());
  timeline_.Mark("KVM_GET_SUPPORTED_CPUID");
  for (uint32_t index = 0; index < config_.vcpu_count; ++index) {
    ASSIGN_OR_RETURN(KvmVcpu vcpu, TakeVcpu(kvm, index));
    if (index == 0) {
      // Where the host cannot tell its frequency the guest calibrates the TSC itself.
      const uint32_t tsc_khz = vcpu.GetTscKhz().value_or(0);
      if (config_.cpu_template) {
        // What every guest relies on is not the template's to change, so it comes first.
        RETURN_IF_ERROR(ApplyCpuidModifiers(*config_.cpu_template, setup.cpuid));
        setup.msrs = config_.cpu_template->msrs;
      }
      RETURN_IF_ERROR(NormalizeCpuid(
          {.vcpu_count = config_.vcpu_count, .smt = config_.smt, .tsc_khz = tsc_khz}, setup.cpuid));
    }
    const absl::Status status = SetUpVcpu(index, vcpu, setup);
    if (!status.ok()) {
      return Annotate(status, absl::StrCat("vcpu ", index));
    }
    AddVcpu(std::move(vcpu));
  }
  timeline_.Mark("set up vCPUs");
  return absl::OkStatus();
}

absl::Status MicroVmBuilder::RestoreVcpus(PreparedKvm& kvm, const MicroVmState& state) {
  const size_t xsave_bytes = vm_->vm_->GetXsaveSize();
  for (uint32_t index = 0; index < state.vcpus.size(); ++index) {
    const VcpuState& saved = state.vcpus[index];
    ASSIGN_OR_RETURN(KvmVcpu vcpu, TakeVcpu(kvm, index));
    absl::Status status = MatchTscFrequency(saved.tsc_khz, vcpu);
    if (status.ok()) {
      status = RestoreVcpu(saved, xsave_bytes, vcpu);
    }
    if (!status.ok()) {
      return Annotate(status, absl::StrCat("vcpu ", index));
    }
    // A guest without such a clock has nothing to be told of the gap.
    (void)vcpu.KvmclockCtrl();
    AddVcpu(std::move(vcpu));
  }
  timeline_.Mark("restore vCPUs");
  return absl::OkStatus();
}

void MicroVmBuilder::AddVcpu(KvmVcpu vcpu) {
  MicroVm* vm = vm_.get();
  Vcpu::Machine machine = {.memory = &vm->memory_, .ports = &vm->ports_, .mmio = &vm->mmio_};
  machine.on_end = [vm](VcpuEnd end) {
    vm->ReportEnd({.kind = VmEnd::Kind::kGuestFault,
                   .reason = absl::StrCat("vcpu ", end.vcpu_index, ": ", end.reason),
                   .dump = std::move(end.dump)});
  };
  machine.on_parked = [vm] { vm->run_control_.OnParked(); };
  machine.on_start = [vm] { return vm->run_control_.OnVcpuStart(); };
  const auto index = static_cast<uint32_t>(vm->vcpus_.size());
  vm->vcpus_.push_back(std::make_unique<Vcpu>(index, std::move(vcpu), std::move(machine)));
}

absl::Status MicroVmBuilder::SetUpVcpu(uint32_t index, KvmVcpu& vcpu, VcpuSetup& setup) {
  // CPUID first: what MSRs and control registers may hold depends on it.
  SetCpuidApicId(index, setup.cpuid);
  RETURN_IF_ERROR(vcpu.SetCpuid2(setup.cpuid));
  RETURN_IF_ERROR(ModifyMsrs(setup.msrs, vcpu));
  RETURN_IF_ERROR(vcpu.SetMsrs(BootMsrs()));
  ASSIGN_OR_RETURN(kvm_lapic_state lapic, vcpu.GetLapic());
  SetBootLapic(lapic);
  RETURN_IF_ERROR(vcpu.SetLapic(lapic));
  RETURN_IF_ERROR(vcpu.SetFpu(BootFpu()));
  if (index != 0) {
    // KVM holds the others until the guest sends them a start-up interrupt, which sets their
    // registers.
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(kvm_sregs sregs, vcpu.GetSregs());
  SetBootSregs(setup.entry.protocol, sregs);
  RETURN_IF_ERROR(vcpu.SetSregs(sregs));
  return vcpu.SetRegs(BootRegs(setup.entry.protocol, setup.entry.address));
}

absl::Status MicroVmBuilder::CreateGeneration() {
  ASSIGN_OR_RETURN(vm_->vm_generation_,
                   VmGeneration::Create(vm_->memory_, vm_->vm_generation_irq_.get()));
  ASSIGN_OR_RETURN(vm_->vm_clock_, VmClock::Create(vm_->memory_, vm_->vm_clock_irq_.get()));
  return absl::OkStatus();
}

// The guest is told as soon as it runs.
absl::Status MicroVmBuilder::RestoreGeneration(const MicroVmState& state) {
  ASSIGN_OR_RETURN(vm_->vm_generation_, VmGeneration::Restore(state.vm_generation, vm_->memory_,
                                                              vm_->vm_generation_irq_.get()));
  ASSIGN_OR_RETURN(vm_->vm_clock_,
                   VmClock::Restore(state.vm_clock, vm_->memory_, vm_->vm_clock_irq_.get()));
  RETURN_IF_ERROR(vm_->vm_generation_->Renew());
  vm_->vm_clock_->Renew();
  for (const GuestAddress address : {state.vm_generation.address, state.vm_clock.address}) {
    ASSIGN_OR_RETURN(const GuestSlice written, vm_->memory_.Resolve({address, 1}));
    vm_->memory_.MarkWritten(written.data(), written.size_bytes());
  }
  vm_->vm_generation_->Notify();
  vm_->vm_clock_->Notify();
  return absl::OkStatus();
}

absl::Status MicroVmBuilder::RestoreDevices(const MicroVmState& state) {
  MicroVm& vm = *vm_;
  RETURN_IF_ERROR(Annotate(vm.serial_->Restore(state.serial), "serial port"));
  RETURN_IF_ERROR(Annotate(vm.i8042_->Restore(state.i8042), "i8042"));
  if (state.disks.size() != vm.disks_.size() || state.networks.size() != vm.networks_.size()) {
    return absl::InvalidArgumentError("its devices are not those of its configuration");
  }
  for (size_t i = 0; i < vm.disks_.size(); ++i) {
    const auto& [name, disk] = vm.disks_[i];
    RETURN_IF_ERROR(RestoreDevice(name, state.disks[i], vm.slots_[i]->transport(), *disk));
  }
  for (size_t i = 0; i < vm.networks_.size(); ++i) {
    const auto& [name, card] = vm.networks_[i];
    RETURN_IF_ERROR(RestoreDevice(name, state.networks[i],
                                  vm.slots_[vm.disks_.size() + i]->transport(), *card));
  }
  return RestoreGeneration(state);
}

}  // namespace mayfly
