// MicroVm: a virtual machine with its RAM, vCPUs and devices.

#ifndef MAYFLY_VMM_MICRO_VM_H_
#define MAYFLY_VMM_MICRO_VM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/guest_memory.h"
#include "base/loop_signal.h"
#include "base/mutex.h"
#include "base/phase_timeline.h"
#include "devices/acpi_sleep.h"
#include "devices/boot_timer.h"
#include "devices/bus.h"
#include "devices/i8042.h"
#include "devices/serial.h"
#include "vmm/boot_source.h"
#include "vmm/guest_ram.h"
#include "vmm/irq_fd.h"
#include "vmm/kvm_system.h"
#include "vmm/kvm_vm.h"
#include "vmm/vcpu.h"

namespace mayfly {

// Why a VM ended.
struct VmEnd {
  enum class Kind {
    kReset,       // the guest asked for a reboot (i8042 reset line)
    kPowerOff,    // the guest asked for power-off (ACPI S5)
    kGuestFault,  // a vCPU cannot go on: triple fault, unknown exit, emulation failure
  };

  Kind kind = Kind::kReset;
  // For kGuestFault: one line with the vCPU, and its registers.
  std::string reason;
  std::string dump;
};

// What a VM is made of.
struct MicroVmConfig {
  GuestRamOptions ram;
  uint32_t vcpu_count = 1;  // 1 to layout::kMaxVcpus
  // Adds the boot timer device; `on_boot_time` hears of it.
  bool has_boot_timer = false;
};

// Owned by the program, made and used on the loop thread. A built VM is complete but no vCPU runs;
// Start runs them.
class MicroVm {
 public:
  // Called on the loop thread.
  struct Observer {
    // Once, when the VM ended by itself. The vCPUs may still be running: call Stop.
    std::function<void(const VmEnd&)> on_end;
    std::function<void(const BootTime&)> on_boot_time;
  };

  // Opens KVM, makes RAM, loads `boot` and sets up vCPUs and devices, in the order that the kernel
  // does fastest (docs/architecture.md). `loop` and `serial_sink` outlive the VM. Marks each phase
  // in `timeline`. InvalidArgument for a wrong config; else the failing call.
  static absl::StatusOr<std::unique_ptr<MicroVm>> Create(const MicroVmConfig& config,
                                                         const BootSource& boot,
                                                         SerialSink* serial_sink, EventLoop* loop,
                                                         Observer observer,
                                                         PhaseTimeline& timeline);
  MicroVm(const MicroVm&) = delete;
  MicroVm& operator=(const MicroVm&) = delete;
  // Stops the vCPUs first: they use everything else.
  ~MicroVm() { Stop(); }

  // Starts all vCPU threads. On an error none runs.
  absl::Status Start();
  // Makes all vCPUs leave the guest and joins their threads.
  void Stop();

  // MonotonicTimeUs() just before vCPU 0 first entered the guest; 0 before that.
  int64_t first_run_us() const { return vcpus_.front()->first_run_us(); }

  Serial& serial() { return *serial_; }
  I8042& i8042() { return *i8042_; }
  const GuestMemory& memory() const { return memory_; }

 private:
  MicroVm(EventLoop* loop, Observer observer);

  absl::Status CreateMachine(const MicroVmConfig& config, const KvmSystem& kvm,
                             PhaseTimeline& timeline);
  absl::Status AddMemorySlots();
  absl::Status CreateDevices(const MicroVmConfig& config, SerialSink* serial_sink,
                             const PhaseTimeline& timeline);
  absl::Status CreateVcpus(const MicroVmConfig& config, const KvmSystem& kvm,
                           const BootEntry& entry, PhaseTimeline& timeline);
  absl::Status SetUpVcpu(uint32_t index, KvmVcpu& vcpu, std::vector<kvm_cpuid_entry2>& cpuid,
                         const BootEntry& entry) const;

  // Any thread; the first end counts.
  void ReportEnd(VmEnd end);
  // Loop thread.
  void DeliverEnd();

  EventLoop* const loop_;
  const Observer observer_;

  Mutex end_mutex_;
  std::optional<VmEnd> end_ ABSL_GUARDED_BY(end_mutex_);
  LoopSignal end_signal_;

  GuestMemory memory_;
  std::optional<KvmVm> vm_;
  std::unique_ptr<IrqFd> serial_irq_;
  std::unique_ptr<IrqFd> i8042_irq_;
  std::unique_ptr<Serial> serial_;
  std::unique_ptr<I8042> i8042_;
  std::unique_ptr<AcpiSleep> acpi_sleep_;
  std::unique_ptr<BootTimer> boot_timer_;
  Bus ports_;
  Bus mmio_;
  std::vector<std::unique_ptr<Vcpu>> vcpus_;
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_MICRO_VM_H_
