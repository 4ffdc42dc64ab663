// MicroVmBuilder: makes a MicroVm, to boot a kernel or from the state of another one.

#ifndef MAYFLY_VMM_MICRO_VM_BUILDER_H_
#define MAYFLY_VMM_MICRO_VM_BUILDER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/guest_memory.h"
#include "base/phase_timeline.h"
#include "devices/serial.h"
#include "vmm/boot_source.h"
#include "vmm/kvm_vcpu.h"
#include "vmm/kvm_vm.h"
#include "vmm/machine_state.h"
#include "vmm/micro_vm.h"
#include "vmm/micro_vm_state.h"
#include "vmm/prepared_kvm.h"

namespace mayfly {

// Used once, on the loop thread, by MicroVm::Create and MicroVm::Restore, which say what they do.
// Does everything in the order that the kernel does fastest (docs/architecture.md): memory slots
// come before the interrupt controllers and the timer, as those register bus devices, and on
// kernels from about 6.17 on a slot that follows waits for their grace period.
class MicroVmBuilder {
 public:
  MicroVmBuilder(const MicroVmConfig& config, SerialSink* serial_sink, EventLoop* loop,
                 MicroVm::Observer observer, PhaseTimeline& timeline);

  absl::StatusOr<std::unique_ptr<MicroVm>> Boot(const BootSource& boot);
  absl::StatusOr<std::unique_ptr<MicroVm>> Restore(GuestMemory memory, const MicroVmState& state,
                                                   RestoredClock clock);

 private:
  // The devices, each with its name; disks first.
  struct NamedDevice {
    std::string name;
    std::unique_ptr<VirtioDevice> device;
  };
  struct VcpuSetup {
    std::vector<kvm_cpuid_entry2> cpuid;
    std::vector<MsrModifier> msrs;
    BootEntry entry;
  };

  absl::StatusOr<PreparedKvm> OpenKvm();
  absl::Status CreateMachine(PreparedKvm& kvm);
  absl::StatusOr<KvmVcpu> TakeVcpu(PreparedKvm& kvm, uint32_t index);
  absl::Status AddMemorySlots(const KvmVm& vm);
  absl::Status CreateDevices();
  absl::Status CreateBootTimer();
  absl::Status CreateGeneration();
  absl::StatusOr<std::vector<NamedDevice>> OpenDevices();
  std::function<void(absl::string_view)> WarningSink(const std::string& name) const;
  absl::Status PlugIn(std::vector<NamedDevice> devices,
                      std::span<const VirtioMmioResource> resources);
  absl::Status CreateVcpus(PreparedKvm& kvm, const BootEntry& entry);
  static absl::Status SetUpVcpu(uint32_t index, KvmVcpu& vcpu, VcpuSetup& setup);
  absl::Status RestoreVcpus(PreparedKvm& kvm, const MicroVmState& state);
  absl::Status RestoreDevices(const MicroVmState& state);
  absl::Status RestoreGeneration(const MicroVmState& state);
  void AddVcpu(KvmVcpu vcpu);

  const MicroVmConfig& config_;
  SerialSink* const serial_sink_;
  EventLoop* const loop_;
  PhaseTimeline& timeline_;
  std::unique_ptr<MicroVm> vm_;
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_MICRO_VM_BUILDER_H_
