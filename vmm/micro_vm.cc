// Builds, starts and stops a VM.

#include "vmm/micro_vm.h"

#include <utility>

#include "absl/strings/str_cat.h"
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

}  // namespace

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
  if (config.vcpu_count < 1 || config.vcpu_count > layout::kMaxVcpus) {
    return absl::InvalidArgumentError(absl::StrCat("the number of vCPUs must be 1 to ",
                                                   layout::kMaxVcpus, ", not ", config.vcpu_count));
  }
  std::unique_ptr<MicroVm> vm(new MicroVm(loop, std::move(observer)));
  ASSIGN_OR_RETURN(const std::vector<VirtioMmioResource> resources,
                   PlaceVirtioDevices(config.disks.size() + config.networks.size()));
  ASSIGN_OR_RETURN(std::vector<NamedDevice> devices, vm->OpenDevices(config));
  timeline.Mark("open disks and TAPs");
  ASSIGN_OR_RETURN(const KvmSystem kvm, KvmSystem::Open());
  const CpuTemplate cpu_template = config.cpu_template.value_or(CpuTemplate());
  RETURN_IF_ERROR(kvm.CheckRequiredCapabilities(cpu_template.capabilities));
  timeline.Mark("open /dev/kvm");
  RETURN_IF_ERROR(vm->CreateMachine(config, kvm, timeline));
  const BootOptions options = {
      .vcpu_count = config.vcpu_count,
      .placement = config.ram.huge_pages == HugePages::kNone ? Placement::kMap : Placement::kRead,
      .virtio_devices = resources};
  ASSIGN_OR_RETURN(const BootEntry entry, PrepareBoot(boot, options, vm->memory_, timeline));
  RETURN_IF_ERROR(vm->CreateDevices(config, serial_sink, timeline));
  RETURN_IF_ERROR(vm->PlugIn(std::move(devices), resources));
  timeline.Mark("create devices");
  RETURN_IF_ERROR(vm->CreateVcpus(config, kvm, entry, timeline));
  return vm;
}

// Memory slots come before the interrupt controllers and the timer: those register bus devices, and
// on kernels from about 6.17 on a slot that follows waits for their grace period.
absl::Status MicroVm::CreateMachine(const MicroVmConfig& config, const KvmSystem& kvm,
                                    PhaseTimeline& timeline) {
  ASSIGN_OR_RETURN(memory_, CreateGuestRam(config.ram));
  timeline.Mark("create guest RAM");
  ASSIGN_OR_RETURN(vm_, kvm.CreateVm());
  timeline.Mark("KVM_CREATE_VM");
  RETURN_IF_ERROR(AddMemorySlots(config.tracks_dirty_pages ? KVM_MEM_LOG_DIRTY_PAGES : 0));
  timeline.Mark("memory slots");
  RETURN_IF_ERROR(vm_->SetTssAddr(layout::kTss));
  RETURN_IF_ERROR(vm_->CreateIrqchip());
  RETURN_IF_ERROR(vm_->CreatePit2(KVM_PIT_SPEAKER_DUMMY));
  timeline.Mark("irqchip and PIT");
  return absl::OkStatus();
}

absl::Status MicroVm::AddMemorySlots(uint32_t flags) {
  uint32_t slot = 0;
  for (const GuestMemory::Region& region : memory_.regions()) {
    RETURN_IF_ERROR(vm_->SetUserMemoryRegion({.slot = slot++,
                                              .start = region.start,
                                              .size_bytes = region.mapping.size_bytes(),
                                              .host_memory = region.mapping.data(),
                                              .flags = flags}));
  }
  return absl::OkStatus();
}

absl::Status MicroVm::CreateDevices(const MicroVmConfig& config, SerialSink* serial_sink,
                                    const PhaseTimeline& timeline) {
  ASSIGN_OR_RETURN(serial_irq_, IrqFd::Create(*vm_, layout::kSerialGsi));
  serial_ = std::make_unique<Serial>(serial_irq_.get(), serial_sink);
  RETURN_IF_ERROR(ports_.Attach(layout::kSerialPort, Serial::kPortCount, serial_.get()));
  ASSIGN_OR_RETURN(i8042_irq_, IrqFd::Create(*vm_, layout::kI8042Gsi));
  i8042_ = std::make_unique<I8042>(i8042_irq_.get(),
                                   [this] { ReportEnd({.kind = VmEnd::Kind::kReset}); });
  RETURN_IF_ERROR(ports_.Attach(layout::kI8042Port, I8042::kPortCount, i8042_.get()));
  acpi_sleep_ =
      std::make_unique<AcpiSleep>([this] { ReportEnd({.kind = VmEnd::Kind::kPowerOff}); });
  RETURN_IF_ERROR(ports_.Attach(layout::kSleepPort, layout::kSleepPortCount, acpi_sleep_.get()));
  RETURN_IF_ERROR(CreateRestoreNotices());
  if (!config.has_boot_timer) {
    return absl::OkStatus();
  }
  const BootTimer::Start start = config.boot_start.value_or(
      BootTimer::Start{.monotonic_us = timeline.start_us(), .cpu_us = 0});
  boot_timer_ = std::make_unique<BootTimer>(start, [this](BootTime time) {
    loop_->Post([this, time] { observer_.on_boot_time(time); });
  });
  return mmio_.Attach(layout::kBootTimer.value(), BootTimer::kSizeBytes, boot_timer_.get());
}

absl::Status MicroVm::CreateRestoreNotices() {
  ASSIGN_OR_RETURN(generation_irq_, IrqFd::Create(*vm_, layout::kVmGenIdGsi));
  ASSIGN_OR_RETURN(generation_, VmGeneration::Create(memory_, generation_irq_.get()));
  ASSIGN_OR_RETURN(clock_irq_, IrqFd::Create(*vm_, layout::kVmClockGsi));
  ASSIGN_OR_RETURN(clock_, VmClock::Create(memory_, clock_irq_.get()));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<MicroVm::NamedDevice>> MicroVm::OpenDevices(
    const MicroVmConfig& config) {
  std::vector<NamedDevice> devices;
  for (const DiskConfig& disk : config.disks) {
    BlockDeviceOptions options = disk.options;
    options.on_warning = WarningSink(disk.name);
    auto file = disk.file != nullptr ? disk.file->Duplicate() : BackingFile::Open(options.file);
    auto device = file.ok() ? BlockDevice::Create(loop_, std::move(options), *std::move(file))
                            : file.status();
    if (!device.ok()) {
      return Annotate(device.status(), disk.name);
    }
    disks_.emplace_back(disk.name, device->get());
    devices.push_back({disk.name, *std::move(device)});
  }
  for (const NetworkConfig& network : config.networks) {
    auto tap = OpenTap(network);
    if (!tap.ok()) {
      return Annotate(tap.status(), network.name);
    }
    NetDeviceOptions options = network.options;
    options.on_warning = WarningSink(network.name);
    auto device = std::make_unique<NetDevice>(
        loop_, *std::move(tap), std::move(options),
        network.make_detour ? network.make_detour() : std::unique_ptr<FrameDetour>());
    networks_.emplace_back(network.name, device.get());
    devices.push_back({network.name, std::move(device)});
  }
  return devices;
}

std::function<void(absl::string_view)> MicroVm::WarningSink(const std::string& name) const {
  return [this, name](absl::string_view text) {
    if (observer_.on_warning) {
      observer_.on_warning(absl::StrCat(name, ": ", text));
    }
  };
}

absl::Status MicroVm::PlugIn(std::vector<NamedDevice> devices,
                             std::span<const VirtioMmioResource> resources) {
  const VirtioSlot::Machine machine = {
      .vm = &*vm_, .loop = loop_, .memory = &memory_, .mmio = &mmio_};
  for (size_t i = 0; i < devices.size(); ++i) {
    auto slot = VirtioSlot::Create(machine, resources[i], std::move(devices[i].device),
                                   {.on_warning = WarningSink(devices[i].name)});
    if (!slot.ok()) {
      return Annotate(slot.status(), devices[i].name);
    }
    slots_.push_back(*std::move(slot));
  }
  return absl::OkStatus();
}

absl::Status MicroVm::CreateVcpus(const MicroVmConfig& config, const KvmSystem& kvm,
                                  const BootEntry& entry, PhaseTimeline& timeline) {
  VcpuSetup setup = {.entry = entry};
  ASSIGN_OR_RETURN(setup.cpuid, kvm.GetSupportedCpuid());
  timeline.Mark("KVM_GET_SUPPORTED_CPUID");
  ASSIGN_OR_RETURN(const size_t run_page_bytes, kvm.GetVcpuMmapSize());
  for (uint32_t index = 0; index < config.vcpu_count; ++index) {
    ASSIGN_OR_RETURN(KvmVcpu vcpu, vm_->CreateVcpu(index, run_page_bytes));
    if (index == 0) {
      // Where the host cannot tell its frequency the guest calibrates the TSC itself.
      const uint32_t tsc_khz = vcpu.GetTscKhz().value_or(0);
      if (config.cpu_template) {
        // What every guest relies on is not the template's to change, so it comes first.
        RETURN_IF_ERROR(ApplyCpuidModifiers(*config.cpu_template, setup.cpuid));
        setup.msrs = config.cpu_template->msrs;
      }
      RETURN_IF_ERROR(NormalizeCpuid(
          {.vcpu_count = config.vcpu_count, .smt = config.smt, .tsc_khz = tsc_khz}, setup.cpuid));
      timeline.Mark("KVM_CREATE_VCPU 0");
    }
    const absl::Status status = SetUpVcpu(index, vcpu, setup);
    if (!status.ok()) {
      return Annotate(status, absl::StrCat("vcpu ", index));
    }
    Vcpu::Machine machine = {.memory = &memory_, .ports = &ports_, .mmio = &mmio_};
    machine.on_end = [this](VcpuEnd end) {
      ReportEnd({.kind = VmEnd::Kind::kGuestFault,
                 .reason = absl::StrCat("vcpu ", end.vcpu_index, ": ", end.reason),
                 .dump = std::move(end.dump)});
    };
    machine.on_parked = [this] { run_control_.OnParked(); };
    vcpus_.push_back(std::make_unique<Vcpu>(index, std::move(vcpu), std::move(machine)));
  }
  timeline.Mark("set up vCPUs");
  return absl::OkStatus();
}

absl::Status MicroVm::SetUpVcpu(uint32_t index, KvmVcpu& vcpu, VcpuSetup& setup) const {
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
