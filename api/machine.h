// Machine: a VM and what belongs to it on this side of the API.

#ifndef MAYFLY_API_MACHINE_H_
#define MAYFLY_API_MACHINE_H_

#include <memory>
#include <optional>
#include <string>

#include "api/console.h"
#include "api/vm_resources.h"
#include "base/event_loop.h"
#include "base/owned_fd.h"
#include "base/phase_timeline.h"
#include "base/thread_hooks.h"
#include "devices/mmds/mmds.h"
#include "snapshot/working_set_tracker.h"
#include "vmm/micro_vm.h"

namespace mayfly {

// Owned by VmController; loop thread. Destroyed in the reverse order: the VM prints to the console,
// and the console's input feeds the VM.
struct Machine {
  std::unique_ptr<Console> console;
  // Kept for the userfault handler of the memory, where there is one.
  OwnedFd userfault_fd;
  OwnedFd userfault_socket;
  std::unique_ptr<MicroVm> vm;
  // Of the file that is mapped as the VM's memory; empty for none.
  std::string memory_path;
  // Null unless the memory is that of a memory file.
  std::unique_ptr<WorkingSetTracker> working_set;
};

// Says of a machine that cannot go on when it is because its memory file was cut off: DataLoss.
absl::Status CheckMemoryFile(const Machine& machine);

// What a machine is made with; all of it outlives the machine.
struct MachineEnvironment {
  EventLoop* loop = nullptr;
  // Null where there is no metadata service.
  Mmds* mmds = nullptr;
  VmResources* resources = nullptr;
  PhaseTimeline* timeline = nullptr;
  // MicroVmConfig's.
  std::optional<PreparedKvm>* prepared_kvm = nullptr;
  ThreadHooks thread_hooks;
};

// The part of both ways to make a machine that concerns metadata: makes the cards that the
// configuration names answer requests for it.
absl::Status AddMetadataService(const MachineEnvironment& environment, MicroVmConfig& config);

}  // namespace mayfly

#endif  // MAYFLY_API_MACHINE_H_
