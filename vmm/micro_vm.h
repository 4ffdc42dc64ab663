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
#include "base/page_set.h"
#include "base/phase_timeline.h"
#include "base/thread_hooks.h"
#include "devices/acpi_sleep.h"
#include "devices/boot_timer.h"
#include "devices/bus.h"
#include "devices/i8042.h"
#include "devices/serial.h"
#include "devices/virtio/block_device.h"
#include "devices/virtio/net_device.h"
#include "vmm/boot_source.h"
#include "vmm/cpu_template.h"
#include "vmm/guest_ram.h"
#include "vmm/irq_fd.h"
#include "vmm/kvm_vm.h"
#include "vmm/machine_state.h"
#include "vmm/micro_vm_state.h"
#include "vmm/prepared_kvm.h"
#include "vmm/run_control.h"
#include "vmm/vcpu.h"
#include "vmm/virtio_slot.h"
#include "vmm/vm_clock.h"
#include "vmm/vm_generation.h"
#include "vmm/vm_metrics.h"

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
  // Used instead of opening options.file when not null. Create duplicates it, so that a start that
  // failed can be tried again.
  const BackingFile* file = nullptr;
};

// A network card, on the TAP of that name or on a descriptor attached to one.
struct NetworkConfig {
  std::string name;
  std::string tap_name;
  // Used instead of tap_name when it is open; taken over by Create.
  int tap_fd = -1;
  // Used instead of both when not null. Create duplicates it.
  const Tap* tap = nullptr;
  NetDeviceOptions options;
  // Makes the card's detour; may be empty.
  std::function<std::unique_ptr<FrameDetour>()> make_detour;
};

// What a VM is made of.
struct MicroVmConfig {
  GuestRamOptions ram;
  uint32_t vcpu_count = 1;  // 1 to layout::kMaxVcpus
  // Two vCPUs to a core; see CpuidConfig.
  bool smt = false;
  std::optional<CpuTemplate> cpu_template;
  // KVM logs which pages the guest writes.
  bool tracks_dirty_pages = false;
  std::vector<DiskConfig> disks;
  std::vector<NetworkConfig> networks;
  // Where one may wait, which is then taken from there; may be null.
  std::optional<PreparedKvm>* prepared_kvm = nullptr;
  // Adds the boot timer device; `on_boot_time` hears of it.
  bool has_boot_timer = false;
  // What it counts from; the timeline's start when absent.
  std::optional<BootTimer::Start> boot_start;
  // Run when the vCPUs' threads start.
  ThreadHooks thread_hooks;
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

  // Opens KVM, makes RAM, loads `boot` and sets up vCPUs and devices. `loop` and `serial_sink`
  // outlive the VM. Marks each phase in `timeline`. InvalidArgument for a wrong config; else the
  // failing call.
  static absl::StatusOr<std::unique_ptr<MicroVm>> Create(const MicroVmConfig& config,
                                                         const BootSource& boot,
                                                         SerialSink* serial_sink, EventLoop* loop,
                                                         Observer observer,
                                                         PhaseTimeline& timeline);
  // A VM like the one `restored` was saved from, at the very instruction where it was, paused. Of
  // `config` RAM, vCPUs and CPU template do not count, and there is no boot timer; its disks and
  // cards are those of the saved VM, by name and order. InvalidArgument for a state that no VM can
  // have, FailedPrecondition for one that cannot go on here; else the failing call.
  struct RestoredVm {
    GuestMemory memory;
    const MicroVmState& state;
    RestoredClock clock = RestoredClock::kContinues;
  };
  static absl::StatusOr<std::unique_ptr<MicroVm>> Restore(const MicroVmConfig& config,
                                                          RestoredVm restored,
                                                          SerialSink* serial_sink, EventLoop* loop,
                                                          Observer observer,
                                                          PhaseTimeline& timeline);
  MicroVm(const MicroVm&) = delete;
  MicroVm& operator=(const MicroVm&) = delete;
  // Stops the vCPUs first: they use everything else.
  ~MicroVm() { Stop(); }

  // Starts all vCPU threads. On an error none runs.
  absl::Status Start() { return run_control_.Start(vcpus_, slots_); }
  // Makes all vCPUs leave the guest and joins their threads, paused or not.
  void Stop() { run_control_.Stop(); }
  // Brings vCPUs and devices to rest, and lets them go on; see RunControl. A VM that is paused may
  // still be changed: disks exchanged, rates set.
  void Pause(RunControl::PauseDone done) { run_control_.Pause(std::move(done)); }
  absl::Status Resume() { return run_control_.Resume(); }
  bool is_paused() const { return run_control_.state() == RunControl::State::kPaused; }

  // All of the VM but its RAM. FailedPrecondition unless it is paused.
  absl::StatusOr<MicroVmState> Save();

  // For a VM that tracks dirty pages, while it is paused: adds the pages written since the last
  // call to dirty_pages(), which keeps them until ForgetDirtyPages: a snapshot that fails loses
  // none. Without tracking nothing happens.
  absl::Status CollectDirtyPages();
  // Of 0 pages when nothing is tracked.
  const PageSet& dirty_pages() const { return dirty_pages_; }
  // A snapshot has succeeded.
  void ForgetDirtyPages() {
    dirty_pages_.Clear();
    has_base_ = true;
  }
  // There is a memory file to which written pages are the difference: the VM was restored from it,
  // or a snapshot of it was taken.
  bool has_base() const { return has_base_; }

  // Opens every disk's file again by its path, for one that grew or was exchanged; see
  // BlockDevice::Reopen. `on_done` hears how it went, once for each disk.
  void ReopenDisks(
      const std::function<void(const std::string& name, const absl::Status&)>& on_done);

  // Changes the disk of that name, paused or not. Rates change at once; with a path `done` runs
  // when BlockDevice::Reopen says so, else inside this call. NotFound, without an errno, when there
  // is no such disk; else BackingFile::Open's errors, and then nothing has changed.
  struct DriveUpdate {
    std::string name;
    std::optional<std::string> path;
    std::optional<RateLimiterUpdate> rate_limiter;
  };
  void UpdateDrive(const DriveUpdate& update, absl::AnyInvocable<void(absl::Status)> done);
  // NotFound when there is no card of that name.
  absl::Status UpdateNetwork(absl::string_view name, const RateLimiterUpdate& receive,
                             const RateLimiterUpdate& transmit);
  // After Stop: completes the devices' I/O in flight, makes acknowledged writes durable where a
  // disk promises it, then runs `done`, never inside this call.
  void Quiesce(absl::AnyInvocable<void()> done);

  // What devices and vCPUs have counted, but for the serial output's part.
  VmMetrics metrics() const;

  // MonotonicTimeUs() just before vCPU 0 first entered the guest; 0 before that.
  int64_t first_run_us() const { return vcpus_.front()->first_run_us(); }

  Serial& serial() { return *serial_; }
  I8042& i8042() { return *i8042_; }
  const GuestMemory& memory() const { return memory_; }
  // By which a guest learns that it was restored.
  VmGeneration& generation() { return *vm_generation_; }
  VmClock& clock() { return *vm_clock_; }

 private:
  friend class MicroVmBuilder;

  MicroVm(EventLoop* loop, Observer observer);

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
  HugePages huge_pages_ = HugePages::kNone;
  PageSet dirty_pages_;
  bool has_base_ = false;
  std::optional<KvmVm> vm_;
  std::unique_ptr<IrqFd> serial_irq_;
  std::unique_ptr<IrqFd> i8042_irq_;
  std::unique_ptr<Serial> serial_;
  std::unique_ptr<I8042> i8042_;
  std::unique_ptr<AcpiSleep> acpi_sleep_;
  std::unique_ptr<IrqFd> vm_generation_irq_;
  std::optional<VmGeneration> vm_generation_;
  std::unique_ptr<IrqFd> vm_clock_irq_;
  std::optional<VmClock> vm_clock_;
  std::unique_ptr<BootTimer> boot_timer_;
  // Before devices and vCPUs, which call it.
  RunControl run_control_;
  // Those of the slots, in their order.
  std::vector<std::pair<std::string, BlockDevice*>> disks_;
  std::vector<std::pair<std::string, NetDevice*>> networks_;
  std::vector<std::unique_ptr<VirtioSlot>> slots_;
  // Devices that Quiesce waits for.
  size_t busy_count_ = 0;
  absl::AnyInvocable<void()> quiesced_;
  Bus ports_;
  Bus mmio_;
  std::vector<std::unique_ptr<Vcpu>> vcpus_;
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_MICRO_VM_H_
