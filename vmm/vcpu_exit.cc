// Names of exits.

#include "vmm/vcpu_exit.h"

#include <linux/kvm.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace mayfly {
namespace {

std::string DescribeInternalError(const VcpuExit& exit) {
  switch (exit.detail) {
    case KVM_INTERNAL_ERROR_EMULATION:
      return "KVM_EXIT_INTERNAL_ERROR: emulation failure";
    case KVM_INTERNAL_ERROR_SIMUL_EX:
      return "KVM_EXIT_INTERNAL_ERROR: simultaneous exceptions";
    case KVM_INTERNAL_ERROR_DELIVERY_EV:
      return "KVM_EXIT_INTERNAL_ERROR: fault while delivering an event";
    case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
      return "KVM_EXIT_INTERNAL_ERROR: unexpected hardware exit";
    default:
      return absl::StrCat("KVM_EXIT_INTERNAL_ERROR: suberror ", exit.detail);
  }
}

}  // namespace

std::string DescribeExit(const VcpuExit& exit) {
  switch (exit.kind) {
    case VcpuExit::Kind::kInterrupted:
      return "interrupted";
    case VcpuExit::Kind::kPortRead:
    case VcpuExit::Kind::kPortWrite:
      return absl::StrFormat("KVM_EXIT_IO: port %#x", exit.guest_address);
    case VcpuExit::Kind::kMmioRead:
    case VcpuExit::Kind::kMmioWrite:
      return absl::StrFormat("KVM_EXIT_MMIO: address %#x", exit.guest_address);
    case VcpuExit::Kind::kHalt:
      return "KVM_EXIT_HLT";
    case VcpuExit::Kind::kShutdown:
      return "KVM_EXIT_SHUTDOWN: triple fault";
    case VcpuExit::Kind::kInternalError:
      return DescribeInternalError(exit);
    case VcpuExit::Kind::kFailedEntry:
      return absl::StrFormat("KVM_EXIT_FAIL_ENTRY: hardware reason %#x", exit.detail);
    case VcpuExit::Kind::kUnhandled:
      break;
  }
  return absl::StrCat("unknown exit: KVM_EXIT reason ", exit.reason);
}

}  // namespace mayfly
