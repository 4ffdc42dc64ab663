// Builds, starts and stops a VM.

#include "vmm/micro_vm.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "vmm/boot_state.h"
#include "vmm/cpuid_policy.h"
#include "vmm/guest_layout.h"

namespace mayfly {

MicroVm::MicroVm(EventLoop* loop, Observer observer)
    : loop_(loop), observer_(std::move(observer)), end_signal_(loop, [this] { DeliverEnd(); }) {}

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
  RETURN_IF_ERROR(kvm.CheckRequiredCapabilities());
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
  RETURN_IF_ERROR(AddMemorySlots());
  timeline.Mark("memory slots");
  RETURN_IF_ERROR(vm_->SetTssAddr(layout::kTss));
  RETURN_IF_ERROR(vm_->CreateIrqchip());
  RETURN_IF_ERROR(vm_->CreatePit2(KVM_PIT_SPEAKER_DUMMY));
  timeline.Mark("irqchip and PIT");
  return absl::OkStatus();
}

absl::Status MicroVm::AddMemorySlots() {
  uint32_t slot = 0;
  for (const GuestMemory::Region& region : memory_.regions()) {
    RETURN_IF_ERROR(vm_->SetUserMemoryRegion({.slot = slot++,
                                              .start = region.start,
                                              .size_bytes = region.mapping.size_bytes(),
                                              .host_memory = region.mapping.data()}));
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
  if (!config.has_boot_timer) {
    return absl::OkStatus();
  }
  const BootTimer::Start start = {.monotonic_us = timeline.start_us(), .cpu_us = 0};
  boot_timer_ = std::make_unique<BootTimer>(start, [this](BootTime time) {
    loop_->Post([this, time] { observer_.on_boot_time(time); });
  });
  return mmio_.Attach(layout::kBootTimer.value(), BootTimer::kSizeBytes, boot_timer_.get());
}

absl::StatusOr<std::vector<MicroVm::NamedDevice>> MicroVm::OpenDevices(
    const MicroVmConfig& config) {
  std::vector<NamedDevice> devices;
  for (const DiskConfig& disk : config.disks) {
    BlockDeviceOptions options = disk.options;
    options.on_warning = WarningSink(disk.name);
    auto device = BlockDevice::Create(loop_, std::move(options));
    if (!device.ok()) {
      return Annotate(device.status(), disk.name);
    }
    disks_.emplace_back(disk.name, device->get());
    devices.push_back({disk.name, *std::move(device)});
  }
  for (const NetworkConfig& network : config.networks) {
    auto tap =
        network.tap_fd >= 0 ? Tap::Adopt(OwnedFd(network.tap_fd)) : Tap::Open(network.tap_name);
    if (!tap.ok()) {
      return Annotate(tap.status(), network.name);
    }
    NetDeviceOptions options = network.options;
    options.on_warning = WarningSink(network.name);
    devices.push_back(
        {network.name, std::make_unique<NetDevice>(loop_, *std::move(tap), std::move(options))});
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
  ASSIGN_OR_RETURN(std::vector<kvm_cpuid_entry2> cpuid, kvm.GetSupportedCpuid());
  timeline.Mark("KVM_GET_SUPPORTED_CPUID");
  ASSIGN_OR_RETURN(const size_t run_page_bytes, kvm.GetVcpuMmapSize());
  for (uint32_t index = 0; index < config.vcpu_count; ++index) {
    ASSIGN_OR_RETURN(KvmVcpu vcpu, vm_->CreateVcpu(index, run_page_bytes));
    if (index == 0) {
      // Where the host cannot tell its frequency the guest calibrates the TSC itself.
      const uint32_t tsc_khz = vcpu.GetTscKhz().value_or(0);
      RETURN_IF_ERROR(NormalizeCpuid({.vcpu_count = config.vcpu_count, .tsc_khz = tsc_khz}, cpuid));
      timeline.Mark("KVM_CREATE_VCPU 0");
    }
    const absl::Status status = SetUpVcpu(index, vcpu, cpuid, entry);
    if (!status.ok()) {
      return Annotate(status, absl::StrCat("vcpu ", index));
    }
    Vcpu::Machine machine = {.memory = &memory_, .ports = &ports_, .mmio = &mmio_};
    machine.on_end = [this](VcpuEnd end) {
      ReportEnd({.kind = VmEnd::Kind::kGuestFault,
                 .reason = absl::StrCat("vcpu ", end.vcpu_index, ": ", end.reason),
                 .dump = std::move(end.dump)});
    };
    vcpus_.push_back(std::make_unique<Vcpu>(index, std::move(vcpu), std::move(machine)));
  }
  timeline.Mark("set up vCPUs");
  return absl::OkStatus();
}

absl::Status MicroVm::SetUpVcpu(uint32_t index, KvmVcpu& vcpu, std::vector<kvm_cpuid_entry2>& cpuid,
                                const BootEntry& entry) const {
  // CPUID first: what MSRs and control registers may hold depends on it.
  SetCpuidApicId(index, cpuid);
  RETURN_IF_ERROR(vcpu.SetCpuid2(cpuid));
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
  SetBootSregs(entry.protocol, sregs);
  RETURN_IF_ERROR(vcpu.SetSregs(sregs));
  return vcpu.SetRegs(BootRegs(entry.protocol, entry.address));
}

absl::Status MicroVm::Start() {
  RETURN_IF_ERROR(InstallVcpuKickHandler());
  for (const std::unique_ptr<Vcpu>& vcpu : vcpus_) {
    const absl::Status status = vcpu->Start();
    if (!status.ok()) {
      Stop();
      return status;
    }
  }
  return absl::OkStatus();
}

// A vCPU may wait for a device's reset, which this thread would do.
void MicroVm::Stop() {
  for (const std::unique_ptr<VirtioSlot>& slot : slots_) {
    slot->transport().StopWaiting();
  }
  for (const std::unique_ptr<Vcpu>& vcpu : vcpus_) {
    vcpu->RequestStop();
  }
  for (const std::unique_ptr<Vcpu>& vcpu : vcpus_) {
    vcpu->Join();
  }
}

void MicroVm::ReopenDisks(
    const std::function<void(const std::string& name, const absl::Status&)>& on_done) {
  for (const auto& [name, disk] : disks_) {
    disk->Reopen(disk->path(),
                 [on_done, name = name](const absl::Status& status) { on_done(name, status); });
  }
}

void MicroVm::Quiesce(std::function<void()> done) {
  if (slots_.empty()) {
    loop_->Post(std::move(done));
    return;
  }
  busy_count_ = slots_.size();
  for (const std::unique_ptr<VirtioSlot>& slot : slots_) {
    slot->transport().device().Quiesce([this, done] {
      if (--busy_count_ == 0) {
        done();
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
