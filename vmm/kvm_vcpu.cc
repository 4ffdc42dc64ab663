// vCPU ioctls of KVM.

#include "vmm/kvm_vcpu.h"

#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "base/status.h"
#include "vmm/kvm_ioctl.h"
#include "vmm/kvm_list_buffer.h"

namespace mayfly {
namespace {

VcpuExit PortExit(kvm_run* run) {
  // KVM puts the items into the same mapping, at this offset (api.rst, 5: KVM_EXIT_IO).
  auto* data = reinterpret_cast<uint8_t*>(run) + run->io.data_offset;
  return {.kind = run->io.direction == KVM_EXIT_IO_IN ? VcpuExit::Kind::kPortRead
                                                      : VcpuExit::Kind::kPortWrite,
          .guest_address = run->io.port,
          .item_size_bytes = run->io.size,
          .data = {data, size_t{run->io.size} * run->io.count}};
}

VcpuExit MmioExit(kvm_run* run) {
  const size_t length = std::min<size_t>(run->mmio.len, sizeof(run->mmio.data));
  return {.kind = run->mmio.is_write != 0 ? VcpuExit::Kind::kMmioWrite : VcpuExit::Kind::kMmioRead,
          .guest_address = run->mmio.phys_addr,
          .item_size_bytes = length,
          .data = {run->mmio.data, length}};
}

VcpuExit InternalErrorExit(kvm_run* run) {
  VcpuExit exit = {.kind = VcpuExit::Kind::kInternalError, .detail = run->internal.suberror};
  const auto& failure = run->emulation_failure;
  if (failure.suberror == KVM_INTERNAL_ERROR_EMULATION && failure.ndata >= 3 &&
      (failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) != 0) {
    exit.instruction = {failure.insn_bytes,
                        std::min<size_t>(failure.insn_size, sizeof(failure.insn_bytes))};
  }
  return exit;
}

VcpuExit DecodeExit(kvm_run* run) {
  switch (run->exit_reason) {
    case KVM_EXIT_IO:
      return PortExit(run);
    case KVM_EXIT_MMIO:
      return MmioExit(run);
    case KVM_EXIT_HLT:
      return {.kind = VcpuExit::Kind::kHalt};
    case KVM_EXIT_INTR:
      return {.kind = VcpuExit::Kind::kInterrupted};
    case KVM_EXIT_SHUTDOWN:
      return {.kind = VcpuExit::Kind::kShutdown};
    case KVM_EXIT_INTERNAL_ERROR:
      return InternalErrorExit(run);
    case KVM_EXIT_FAIL_ENTRY:
      return {.kind = VcpuExit::Kind::kFailedEntry,
              .detail = run->fail_entry.hardware_entry_failure_reason};
    default:
      return {.kind = VcpuExit::Kind::kUnhandled};
  }
}

// For the ioctls that fill in, or read, one structure of fixed size.
template <typename T>
absl::StatusOr<T> Get(const OwnedFd& fd, uint64_t request, absl::string_view name) {
  T value = {};
  RETURN_IF_ERROR(KvmIoctl(fd.get(), request, KvmArgument(&value), name));
  return value;
}

template <typename T>
absl::Status Set(const OwnedFd& fd, uint64_t request, const T& value, absl::string_view name) {
  return KvmIoctl(fd.get(), request, KvmArgument(&value), name).status();
}

}  // namespace

absl::StatusOr<KvmVcpu> KvmVcpu::Create(OwnedFd fd, size_t mmap_size_bytes) {
  if (mmap_size_bytes < sizeof(kvm_run)) {
    return absl::FailedPreconditionError("KVM_GET_VCPU_MMAP_SIZE: smaller than struct kvm_run");
  }
  ASSIGN_OR_RETURN(Mapping run_page, Mapping::Create({.size_bytes = mmap_size_bytes,
                                                      .protection = PROT_READ | PROT_WRITE,
                                                      .flags = MAP_SHARED,
                                                      .fd = fd.get()}));
  return KvmVcpu(std::move(fd), std::move(run_page));
}

absl::StatusOr<VcpuExit> KvmVcpu::Run() {
  // Not KvmIoctl: the one call on the hot path must not build a Status for EINTR.
  if (ioctl(fd_.get(), KVM_RUN, 0) < 0) {
    if (errno == EINTR || errno == EAGAIN) {
      return VcpuExit{.kind = VcpuExit::Kind::kInterrupted};
    }
    return ErrnoError("KVM_RUN");
  }
  VcpuExit exit = DecodeExit(run());
  exit.reason = run()->exit_reason;
  return exit;
}

void KvmVcpu::RequestImmediateExit(bool requested) {
  // KVM reads the byte on the vCPU's thread; the signal that follows orders the two.
  std::atomic_ref<__u8>(run()->immediate_exit).store(requested ? 1 : 0);
}

absl::StatusOr<kvm_regs> KvmVcpu::GetRegs() const {
  return Get<kvm_regs>(fd_, KVM_GET_REGS, "KVM_GET_REGS");
}

absl::Status KvmVcpu::SetRegs(const kvm_regs& regs) const {
  return Set(fd_, KVM_SET_REGS, regs, "KVM_SET_REGS");
}

absl::StatusOr<kvm_sregs> KvmVcpu::GetSregs() const {
  return Get<kvm_sregs>(fd_, KVM_GET_SREGS, "KVM_GET_SREGS");
}

absl::Status KvmVcpu::SetSregs(const kvm_sregs& sregs) const {
  return Set(fd_, KVM_SET_SREGS, sregs, "KVM_SET_SREGS");
}

absl::Status KvmVcpu::SetFpu(const kvm_fpu& fpu) const {
  return Set(fd_, KVM_SET_FPU, fpu, "KVM_SET_FPU");
}

absl::StatusOr<kvm_lapic_state> KvmVcpu::GetLapic() const {
  return Get<kvm_lapic_state>(fd_, KVM_GET_LAPIC, "KVM_GET_LAPIC");
}

absl::Status KvmVcpu::SetLapic(const kvm_lapic_state& lapic) const {
  return Set(fd_, KVM_SET_LAPIC, lapic, "KVM_SET_LAPIC");
}

absl::StatusOr<kvm_xcrs> KvmVcpu::GetXcrs() const {
  return Get<kvm_xcrs>(fd_, KVM_GET_XCRS, "KVM_GET_XCRS");
}

absl::Status KvmVcpu::SetXcrs(const kvm_xcrs& xcrs) const {
  return Set(fd_, KVM_SET_XCRS, xcrs, "KVM_SET_XCRS");
}

absl::StatusOr<kvm_debugregs> KvmVcpu::GetDebugregs() const {
  return Get<kvm_debugregs>(fd_, KVM_GET_DEBUGREGS, "KVM_GET_DEBUGREGS");
}

absl::Status KvmVcpu::SetDebugregs(const kvm_debugregs& debugregs) const {
  return Set(fd_, KVM_SET_DEBUGREGS, debugregs, "KVM_SET_DEBUGREGS");
}

absl::StatusOr<kvm_vcpu_events> KvmVcpu::GetVcpuEvents() const {
  return Get<kvm_vcpu_events>(fd_, KVM_GET_VCPU_EVENTS, "KVM_GET_VCPU_EVENTS");
}

absl::Status KvmVcpu::SetVcpuEvents(const kvm_vcpu_events& events) const {
  return Set(fd_, KVM_SET_VCPU_EVENTS, events, "KVM_SET_VCPU_EVENTS");
}

absl::StatusOr<kvm_mp_state> KvmVcpu::GetMpState() const {
  return Get<kvm_mp_state>(fd_, KVM_GET_MP_STATE, "KVM_GET_MP_STATE");
}

absl::Status KvmVcpu::SetMpState(const kvm_mp_state& state) const {
  return Set(fd_, KVM_SET_MP_STATE, state, "KVM_SET_MP_STATE");
}

absl::StatusOr<std::vector<uint8_t>> KvmVcpu::GetXsave(size_t size_bytes) const {
  std::vector<uint8_t> area(std::max(size_bytes, sizeof(KvmXsave)));
  const bool is_large = area.size() > sizeof(KvmXsave);
  RETURN_IF_ERROR(KvmIoctl(fd_.get(), is_large ? kKvmGetXsave2 : kKvmGetXsave,
                           KvmArgument(area.data()),
                           is_large ? "KVM_GET_XSAVE2" : "KVM_GET_XSAVE"));
  return area;
}

absl::Status KvmVcpu::SetXsave(std::span<const uint8_t> area) const {
  return KvmIoctl(fd_.get(), kKvmSetXsave, KvmArgument(area.data()), "KVM_SET_XSAVE").status();
}

absl::Status KvmVcpu::SetCpuid2(std::span<const kvm_cpuid_entry2> entries) const {
  if (entries.size() > KvmCpuidBuffer::kMaxEntries) {
    return absl::InvalidArgumentError("KVM_SET_CPUID2: too many entries");
  }
  KvmCpuidBuffer buffer;
  return KvmIoctl(fd_.get(), kKvmSetCpuid2, KvmArgument(buffer.Fill(entries)), "KVM_SET_CPUID2")
      .status();
}

absl::StatusOr<std::vector<kvm_cpuid_entry2>> KvmVcpu::GetCpuid2() const {
  KvmCpuidBuffer buffer;
  RETURN_IF_ERROR(
      KvmIoctl(fd_.get(), kKvmGetCpuid2, KvmArgument(buffer.Prepare()), "KVM_GET_CPUID2"));
  return buffer.Entries();
}

absl::StatusOr<std::vector<kvm_msr_entry>> KvmVcpu::GetMsrs(
    std::span<const kvm_msr_entry> msrs) const {
  if (msrs.size() > KvmMsrBuffer::kMaxEntries) {
    return absl::InvalidArgumentError("KVM_GET_MSRS: too many entries");
  }
  KvmMsrBuffer buffer;
  ASSIGN_OR_RETURN(const int done, KvmIoctl(fd_.get(), kKvmGetMsrs, KvmArgument(buffer.Fill(msrs)),
                                            "KVM_GET_MSRS"));
  if (static_cast<size_t>(done) != msrs.size()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("KVM_GET_MSRS: MSR %#x unknown", msrs[static_cast<size_t>(done)].index));
  }
  return buffer.Entries();
}

absl::Status KvmVcpu::SetMsrs(std::span<const kvm_msr_entry> msrs) const {
  if (msrs.size() > KvmMsrBuffer::kMaxEntries) {
    return absl::InvalidArgumentError("KVM_SET_MSRS: too many entries");
  }
  KvmMsrBuffer buffer;
  ASSIGN_OR_RETURN(const int done, KvmIoctl(fd_.get(), kKvmSetMsrs, KvmArgument(buffer.Fill(msrs)),
                                            "KVM_SET_MSRS"));
  if (static_cast<size_t>(done) != msrs.size()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("KVM_SET_MSRS: MSR %#x refused", msrs[static_cast<size_t>(done)].index));
  }
  return absl::OkStatus();
}

absl::StatusOr<GuestAddress> KvmVcpu::Translate(uint64_t guest_linear_address) const {
  kvm_translation translation = {.linear_address = guest_linear_address};
  RETURN_IF_ERROR(KvmIoctl(fd_.get(), KVM_TRANSLATE, KvmArgument(&translation), "KVM_TRANSLATE"));
  if (translation.valid == 0) {
    return absl::NotFoundError("KVM_TRANSLATE: not mapped");
  }
  return GuestAddress(translation.physical_address);
}

absl::StatusOr<uint32_t> KvmVcpu::GetTscKhz() const {
  ASSIGN_OR_RETURN(const int khz, KvmIoctl(fd_.get(), KVM_GET_TSC_KHZ, 0, "KVM_GET_TSC_KHZ"));
  return static_cast<uint32_t>(khz);
}

absl::Status KvmVcpu::SetTscKhz(uint32_t khz) const {
  return KvmIoctl(fd_.get(), KVM_SET_TSC_KHZ, khz, "KVM_SET_TSC_KHZ").status();
}

absl::Status KvmVcpu::KvmclockCtrl() const {
  return KvmIoctl(fd_.get(), KVM_KVMCLOCK_CTRL, 0, "KVM_KVMCLOCK_CTRL").status();
}

}  // namespace mayfly
