// What the system calls of a restore cost by themselves: the least that a monitor can take.
//
// Usage: restore_floor STATE MEMORY ROUNDS, the files of a snapshot without disks. Each round is a
// process of its own that makes an empty VM's calls in the monitor's order, up to the one that
// would enter the guest. Prints the median of each step in microseconds, and of their sum.

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "snapshot/memory_file.h"
#include "snapshot/snapshot_reader.h"
#include "vmm/guest_layout.h"
#include "vmm/irq_fd.h"
#include "vmm/kvm_system.h"

namespace mayfly {
namespace {

// Of a VM with a disk and a network card: serial, keyboard, VMGenID, VMClock and the two.
constexpr std::array<uint32_t, 6> kGsis = {4, 1, 22, 23, 5, 6};
constexpr int kQueueCount = 3;

absl::Status RestoreState(const SnapshotState& snapshot, const KvmSystem& kvm, const KvmVm& vm,
                          PhaseTimeline& timeline) {
  ASSIGN_OR_RETURN(const size_t run_page_bytes, kvm.GetVcpuMmapSize());
  const size_t xsave_bytes = vm.GetXsaveSize();
  std::vector<KvmVcpu> vcpus;
  for (uint32_t i = 0; i < snapshot.vm.vcpus.size(); ++i) {
    ASSIGN_OR_RETURN(KvmVcpu vcpu, vm.CreateVcpu(i, run_page_bytes));
    vcpus.push_back(std::move(vcpu));
  }
  timeline.Mark("KVM_CREATE_VCPU");
  for (size_t i = 0; i < vcpus.size(); ++i) {
    RETURN_IF_ERROR(RestoreVcpu(snapshot.vm.vcpus[i], xsave_bytes, vcpus[i]));
  }
  timeline.Mark("KVM_SET_* of the vCPUs");
  return RestoreMachine(snapshot.vm.machine, RestoredClock::kContinues, vm);
}

absl::Status Round(const SnapshotState& snapshot, const std::string& memory_path,
                   PhaseTimeline& timeline) {
  ASSIGN_OR_RETURN(const MemoryFile file, MemoryFile::Open(memory_path));
  ASSIGN_OR_RETURN(const GuestMemory memory, file.Map(snapshot.vm.ram, HugePages::kNone));
  timeline.Mark("open and map the memory file");
  ASSIGN_OR_RETURN(const KvmSystem kvm, KvmSystem::Open());
  ASSIGN_OR_RETURN(const KvmVm vm, kvm.CreateVm());
  timeline.Mark("open /dev/kvm, KVM_CREATE_VM");
  uint32_t slot = 0;
  for (const GuestMemory::Region& region : memory.regions()) {
    RETURN_IF_ERROR(vm.SetUserMemoryRegion({.slot = slot++,
                                            .start = region.start,
                                            .size_bytes = region.mapping.size_bytes(),
                                            .host_memory = region.mapping.data()}));
  }
  timeline.Mark("KVM_SET_USER_MEMORY_REGION");
  RETURN_IF_ERROR(vm.SetTssAddr(layout::kTss));
  RETURN_IF_ERROR(vm.CreateIrqchip());
  RETURN_IF_ERROR(vm.CreatePit2(KVM_PIT_SPEAKER_DUMMY));
  timeline.Mark("KVM_CREATE_IRQCHIP, KVM_CREATE_PIT2");
  RETURN_IF_ERROR(RestoreState(snapshot, kvm, vm, timeline));
  timeline.Mark("PIT, clock, interrupt controllers");
  std::vector<std::unique_ptr<IrqFd>> lines;
  for (const uint32_t gsi : kGsis) {
    ASSIGN_OR_RETURN(std::unique_ptr<IrqFd> line, IrqFd::Create(vm, gsi));
    lines.push_back(std::move(line));
  }
  timeline.Mark("KVM_IRQFD");
  for (int queue = 0; queue < kQueueCount; ++queue) {
    ASSIGN_OR_RETURN(const OwnedFd fd, CreateEventFd());
    RETURN_IF_ERROR(vm.Ioeventfd(fd.get(), GuestAddress(layout::kVirtioMmio.value() + 0x50), 4,
                                 static_cast<uint64_t>(queue)));
  }
  timeline.Mark("KVM_IOEVENTFD");
  return absl::OkStatus();
}

struct Step {
  std::string name;
  std::vector<int64_t> times_us;
};

int64_t Median(std::vector<int64_t> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// A child's times come as text on a pipe.
bool RunRound(const SnapshotState& snapshot, const std::string& memory_path,
              std::vector<Step>& steps) {
  int ends[2];
  if (pipe(ends) != 0) {
    return false;
  }
  const pid_t child = fork();
  if (child == 0) {
    PhaseTimeline timeline(MonotonicTimeUs());
    const absl::Status status = Round(snapshot, memory_path, timeline);
    if (!status.ok()) {
      std::fprintf(stderr, "restore_floor: %s\n", std::string(status.message()).c_str());
      _exit(1);
    }
    int64_t begin_us = timeline.start_us();
    for (const PhaseTimeline::Phase& phase : timeline.phases()) {
      dprintf(ends[1], "%ld %s\n", static_cast<long>(phase.end_us - begin_us),
              std::string(phase.name).c_str());
      begin_us = phase.end_us;
    }
    _exit(0);
  }
  close(ends[1]);
  std::FILE* lines = fdopen(ends[0], "r");
  std::array<char, 128> line;
  for (size_t i = 0; std::fgets(line.data(), line.size(), lines) != nullptr; ++i) {
    char* name = nullptr;
    const int64_t time_us = std::strtol(line.data(), &name, 10);
    if (steps.size() == i) {
      steps.push_back({std::string(name + 1)});
    }
    steps[i].times_us.push_back(time_us);
  }
  std::fclose(lines);
  int status = 0;
  waitpid(child, &status, 0);
  return status == 0;
}

int Main(const std::string& state_path, const std::string& memory_path, int rounds) {
  PhaseTimeline timeline(MonotonicTimeUs());
  const auto snapshot = ReadSnapshot(state_path, timeline);
  if (!snapshot.ok()) {
    std::fprintf(stderr, "restore_floor: %s\n", std::string(snapshot.status().message()).c_str());
    return 1;
  }
  std::vector<Step> steps;
  for (int i = 0; i < rounds; ++i) {
    if (!RunRound(*snapshot, memory_path, steps)) {
      return 1;
    }
  }
  std::vector<int64_t> sums_us(static_cast<size_t>(rounds));
  for (const Step& step : steps) {
    std::printf("%6ld us  %s", static_cast<long>(Median(step.times_us)), step.name.c_str());
    for (size_t i = 0; i < sums_us.size(); ++i) {
      sums_us[i] += step.times_us[i];
    }
  }
  std::printf("%6ld us  sum\n", static_cast<long>(Median(sums_us)));
  return 0;
}

}  // namespace
}  // namespace mayfly

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: restore_floor STATE MEMORY ROUNDS\n", stderr);
    return 2;
  }
  return mayfly::Main(argv[1], argv[2], std::atoi(argv[3]));
}
