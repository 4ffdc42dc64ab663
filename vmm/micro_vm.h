// MicroVm: a virtual machine with its RAM, vCPUs and devices.

#ifndef MAYFLY_VMM_MICRO_VM_H_
#define MAYFLY_VMM_MICRO_VM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
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
#include "devices/virtio/block_device.h"
#include "devices/virtio/net_device.h"
#include "vmm/boot_source.h"
#include "vmm/guest_ram.h"
#include "vmm/irq_fd.h"
#include "vmm/kvm_system.h"
#include "vmm/kvm_vm.h"
#include "vmm/vcpu.h"
#include "vmm/virtio_slot.h"

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

// A disk; the guest finds disks in their order (/dev/vda, vdb, ...).
struct DiskConfig {
  // Names it in errors and warnings.
  std::string name;
  BlockDeviceOptions options;
};

// A network card, on the TAP of that name or on a descriptor attached to one.
struct NetworkConfig {
  std::string name;
  std::string tap_name;
  // Used instead of tap_name when it is open; taken over by Create.
  int tap_fd = -1;
  NetDeviceOptions options;
};

// What a VM is made of.
struct MicroVmConfig {
  GuestRamOptions ram;
  uint32_t vcpu_count = 1;  // 1 to layout::kMaxVcpus
  std::vector<DiskConfig> disks;
  std::vector<NetworkConfig> networks;
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
    // A line about a device, such as a failing disk; a few for each device at most.
    std::function<void(absl::string_view)> on_warning;
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

  // Opens every disk's file again by its path, for one that grew or was exchanged; see
  // BlockDevice::Reopen. `on_done` hears how it went, once for each disk.
  void ReopenDisks(
      const std::function<void(const std::string& name, const absl::Status&)>& on_done);
  // After Stop: completes the devices' I/O in flight, makes acknowledged writes durable where a
  // disk promises it, then runs `done`, never inside this call.
  void Quiesce(std::function<void()> done);

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

  // The devices, each with its name; disks first.
  struct NamedDevice {
    std::string name;
    std::unique_ptr<VirtioDevice> device;
  };
  absl::StatusOr<std::vector<NamedDevice>> OpenDevices(const MicroVmConfig& config);
  std::function<void(absl::string_view)> WarningSink(const std::string& name) const;
  absl::Status PlugIn(std::vector<NamedDevice> devices,
                      std::span<const VirtioMmioResource> resources);

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
  // Those of the slots, in their order.
  std::vector<std::pair<std::string, BlockDevice*>> disks_;
  std::vector<std::unique_ptr<VirtioSlot>> slots_;
  // Devices that Quiesce waits for.
  size_t busy_count_ = 0;
  Bus ports_;
  Bus mmio_;
  std::vector<std::unique_ptr<Vcpu>> vcpus_;
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_MICRO_VM_H_
