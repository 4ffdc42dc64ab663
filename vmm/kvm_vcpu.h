// KvmVcpu: a KVM virtual CPU's descriptor, its shared run page and its ioctls.

#ifndef MAYFLY_VMM_KVM_VCPU_H_
#define MAYFLY_VMM_KVM_VCPU_H_

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/guest_address.h"
#include "base/mapping.h"
#include "base/owned_fd.h"
#include "vmm/vcpu_exit.h"

namespace mayfly {

// Owned by Vcpu and used on its thread alone once that runs, except RequestImmediateExit; while
// that thread is parked the loop uses it. One method per "vcpu ioctl" of
// Documentation/virt/kvm/api.rst, without policy.
class KvmVcpu {
 public:
  static absl::StatusOr<KvmVcpu> Create(OwnedFd fd, size_t mmap_size_bytes);

  // Enters the guest until it exits. EINTR (a signal, or an immediate exit) is
  // VcpuExit::Kind::kInterrupted. Spans in the result point into the run page and are valid until
  // the next call.
  absl::StatusOr<VcpuExit> Run();

  // Makes the current or next Run return kInterrupted once the thread gets a signal. Any thread.
  void RequestImmediateExit(bool requested);

  absl::StatusOr<kvm_regs> GetRegs() const;
  absl::Status SetRegs(const kvm_regs& regs) const;
  absl::StatusOr<kvm_sregs> GetSregs() const;
  absl::Status SetSregs(const kvm_sregs& sregs) const;
  absl::Status SetFpu(const kvm_fpu& fpu) const;
  // `size_bytes` is KvmVm::GetXsaveSize().
  absl::StatusOr<std::vector<uint8_t>> GetXsave(size_t size_bytes) const;
  // `area` is of the size that KVM takes.
  absl::Status SetXsave(std::span<const uint8_t> area) const;
  absl::StatusOr<kvm_xcrs> GetXcrs() const;
  absl::Status SetXcrs(const kvm_xcrs& xcrs) const;
  absl::StatusOr<kvm_debugregs> GetDebugregs() const;
  absl::Status SetDebugregs(const kvm_debugregs& debugregs) const;
  absl::StatusOr<kvm_vcpu_events> GetVcpuEvents() const;
  absl::Status SetVcpuEvents(const kvm_vcpu_events& events) const;
  absl::StatusOr<kvm_mp_state> GetMpState() const;
  absl::Status SetMpState(const kvm_mp_state& state) const;
  absl::StatusOr<kvm_lapic_state> GetLapic() const;
  absl::Status SetLapic(const kvm_lapic_state& lapic) const;
  absl::Status SetCpuid2(std::span<const kvm_cpuid_entry2> entries) const;
  absl::StatusOr<std::vector<kvm_cpuid_entry2>> GetCpuid2() const;
  // The values of the MSRs that `msrs` names, at most KvmMsrBuffer::kMaxEntries. InvalidArgument
  // names the first that KVM does not know.
  absl::StatusOr<std::vector<kvm_msr_entry>> GetMsrs(std::span<const kvm_msr_entry> msrs) const;
  // InvalidArgument names the first MSR that KVM refuses.
  absl::Status SetMsrs(std::span<const kvm_msr_entry> msrs) const;
  // The physical address behind a linear one, by the guest's current page tables. NotFound when
  // there is none.
  absl::StatusOr<GuestAddress> Translate(uint64_t guest_linear_address) const;
  // The guest's TSC frequency in kHz.
  absl::StatusOr<uint32_t> GetTscKhz() const;
  // Needs KVM_CAP_TSC_CONTROL where it is not the host's own.
  absl::Status SetTscKhz(uint32_t khz) const;
  // Tells a guest with a KVM clock that it was stopped, so that it does not take the gap for a
  // hang. InvalidArgument when the guest has not set such a clock up.
  absl::Status KvmclockCtrl() const;

 private:
  KvmVcpu(OwnedFd fd, Mapping run_page) : fd_(std::move(fd)), run_page_(std::move(run_page)) {}

  // The mapping begins with the kernel's structure (KVM_RUN, 4.10).
  kvm_run* run() const { return reinterpret_cast<kvm_run*>(run_page_.data()); }

  OwnedFd fd_;
  Mapping run_page_;
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_KVM_VCPU_H_
