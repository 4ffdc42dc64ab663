// VcpuExit: why a vCPU left the guest.

#ifndef MAYFLY_VMM_VCPU_EXIT_H_
#define MAYFLY_VMM_VCPU_EXIT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace mayfly {

// One exit. Plain values, but for `data`, which points into the vCPU's run page.
struct VcpuExit {
  enum class Kind {
    kInterrupted,  // a signal or an immediate exit
    kPortRead,     // the monitor fills data
    kPortWrite,
    kMmioRead,  // the monitor fills data
    kMmioWrite,
    kHalt,           // HLT on a VM without in-kernel interrupt controller
    kShutdown,       // triple fault
    kInternalError,  // KVM could not go on: emulation failure and the like
    kFailedEntry,    // the hardware refused the guest state
    kUnhandled,      // an exit this monitor has no use for
  };

  Kind kind = Kind::kUnhandled;
  // Port or guest physical address of a read or write.
  uint64_t guest_address = 0;
  // For ports `data` holds one or more items of item_size_bytes (REP INS/OUTS); for MMIO exactly
  // one.
  size_t item_size_bytes = 0;
  std::span<uint8_t> data;
  // KVM_EXIT_*.
  uint32_t reason = 0;
  // kInternalError: KVM_INTERNAL_ERROR_*. kFailedEntry: the hardware's reason.
  uint64_t detail = 0;
  // kInternalError: the instruction bytes KVM could not emulate, where it tells.
  std::span<const uint8_t> instruction;
};

// "KVM_EXIT_SHUTDOWN (triple fault)" and the like, for messages.
std::string DescribeExit(const VcpuExit& exit);

}  // namespace mayfly

#endif  // MAYFLY_VMM_VCPU_EXIT_H_
