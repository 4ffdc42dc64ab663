// The vCPU thread's loop.

#include "vmm/vcpu.h"

#include <signal.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"
#include "vmm/register_dump.h"

namespace mayfly {
namespace {

// The first real-time signal that neither glibc nor musl keeps for itself; Firecracker's users know
// it too.
constexpr int kKickSignal = 35;

void IgnoreKick(int /*signal*/) {}

}  // namespace

absl::Status InstallVcpuKickHandler() {
  struct sigaction action = {};
  // Not SIG_IGN: an ignored signal would not interrupt KVM_RUN. No SA_RESTART for the same reason.
  action.sa_handler = IgnoreKick;
  if (sigaction(kKickSignal, &action, nullptr) != 0) {
    return ErrnoError("sigaction");
  }
  return absl::OkStatus();
}

Vcpu::Vcpu(uint32_t index, KvmVcpu kvm, Machine machine)
    : index_(index), kvm_(std::move(kvm)), machine_(std::move(machine)) {}

Vcpu::~Vcpu() {
  RequestStop();
  Join();
}

absl::Status Vcpu::Start() {
  return Annotate(
      thread_.Start(absl::StrCat("vcpu ", index_), kKickSignal, [this] { ThreadMain(); }),
      absl::StrCat("vcpu ", index_));
}

void Vcpu::RequestStop() {
  stop_requested_.store(true, std::memory_order_release);
  kvm_.RequestImmediateExit(true);
  thread_.Signal(kKickSignal);
}

void Vcpu::Join() { thread_.Join(); }

void Vcpu::ThreadMain() {
  first_run_us_.store(MonotonicTimeUs(), std::memory_order_release);
  while (!stop_requested_.load(std::memory_order_acquire)) {
    const absl::StatusOr<VcpuExit> exit = kvm_.Run();
    if (!exit.ok()) {
      End(std::string(exit.status().message()), {});
      return;
    }
    if (!HandleExit(*exit)) {
      return;
    }
  }
}

bool Vcpu::HandleExit(const VcpuExit& exit) {
  switch (exit.kind) {
    case VcpuExit::Kind::kInterrupted:
      return true;
    case VcpuExit::Kind::kPortRead:
      for (size_t i = 0; i < exit.data.size(); i += exit.item_size_bytes) {
        machine_.ports->Read(exit.guest_address, exit.data.subspan(i, exit.item_size_bytes));
      }
      return true;
    case VcpuExit::Kind::kPortWrite:
      for (size_t i = 0; i < exit.data.size(); i += exit.item_size_bytes) {
        machine_.ports->Write(exit.guest_address, exit.data.subspan(i, exit.item_size_bytes));
      }
      return true;
    case VcpuExit::Kind::kMmioRead:
      machine_.mmio->Read(exit.guest_address, exit.data);
      return true;
    case VcpuExit::Kind::kMmioWrite:
      machine_.mmio->Write(exit.guest_address, exit.data);
      return true;
    default:
      End(DescribeExit(exit), exit.instruction);
      return false;
  }
}

void Vcpu::End(std::string reason, std::span<const uint8_t> instruction) {
  machine_.on_end({.vcpu_index = index_,
                   .reason = std::move(reason),
                   .dump = DumpVcpu(kvm_, *machine_.memory, instruction)});
}

}  // namespace mayfly
