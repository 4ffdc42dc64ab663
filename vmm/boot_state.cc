// Initial vCPU state for the PVH and the 64-bit Linux boot protocol.

#include "vmm/boot_state.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "base/status.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

// Intel SDM volume 3, 2.5 and 2.2.1.
constexpr uint64_t kCr0ProtectionEnable = 1u << 0;
constexpr uint64_t kCr0ExtensionType = 1u << 4;
constexpr uint64_t kCr0Paging = 1u << 31;
constexpr uint64_t kCr4PhysicalAddressExtension = 1u << 5;
constexpr uint64_t kEferLongModeEnable = 1u << 8;
constexpr uint64_t kEferLongModeActive = 1u << 10;
// Bit 1 of RFLAGS always reads 1.
constexpr uint64_t kRflagsReserved = 1u << 1;

// Page table entry bits (SDM volume 3, 4.5).
constexpr uint64_t kPagePresent = 1u << 0;
constexpr uint64_t kPageWritable = 1u << 1;
constexpr uint64_t kPageSize2M = 1u << 7;

constexpr uint16_t kCodeIndex = 1;
constexpr uint16_t kDataIndex = 2;
constexpr uint16_t kTssIndex = 3;

// What sets the three segments apart: access byte and flags nibble of a descriptor (SDM volume
// 3, 3.4.5).
struct SegmentFlags {
  uint16_t code;
  uint16_t data;
  uint16_t tss;
};

constexpr SegmentFlags kPvhFlags = {.code = 0xc09b, .data = 0xc093, .tss = 0x008b};
constexpr SegmentFlags kLinux64Flags = {.code = 0xa09b, .data = 0xc093, .tss = 0x808b};

constexpr const SegmentFlags& FlagsOf(BootProtocol protocol) {
  return protocol == BootProtocol::kPvh ? kPvhFlags : kLinux64Flags;
}

constexpr uint32_t kFlatLimit = 0xfffff;
constexpr uint32_t kPvhTssLimit = 0x67;

uint32_t TssLimit(BootProtocol protocol) {
  return protocol == BootProtocol::kPvh ? kPvhTssLimit : kFlatLimit;
}

// A descriptor with base 0. `flags` has the access byte in bits 0-7 and the flags nibble in bits
// 12-15.
constexpr uint64_t Descriptor(uint16_t flags, uint32_t limit) {
  return (uint64_t{limit} & 0xffff) | (uint64_t{flags} & 0xff) << 40 |
         (uint64_t{limit} >> 16 & 0xf) << 48 | (uint64_t{flags} >> 12 & 0xf) << 52;
}

// The same as KVM wants a segment register, with the limit in bytes.
kvm_segment Segment(uint16_t index, uint16_t flags, uint32_t limit) {
  kvm_segment segment = {};
  const bool counts_pages = (flags >> 15 & 1) != 0;
  segment.limit = counts_pages ? (limit << 12 | 0xfff) : limit;
  segment.selector = static_cast<__u16>(index * 8);
  segment.type = static_cast<__u8>(flags & 0xf);
  segment.s = static_cast<__u8>(flags >> 4 & 1);
  segment.dpl = static_cast<__u8>(flags >> 5 & 3);
  segment.present = static_cast<__u8>(flags >> 7 & 1);
  segment.avl = static_cast<__u8>(flags >> 12 & 1);
  segment.l = static_cast<__u8>(flags >> 13 & 1);
  segment.db = static_cast<__u8>(flags >> 14 & 1);
  segment.g = static_cast<__u8>(flags >> 15 & 1);
  return segment;
}

absl::Status WriteIdentityMap(const GuestMemory& memory) {
  constexpr uint64_t kTableFlags = kPagePresent | kPageWritable;
  RETURN_IF_ERROR(memory.WriteObject<uint64_t>(layout::kPml4, layout::kPdpt.value() | kTableFlags));
  RETURN_IF_ERROR(
      memory.WriteObject<uint64_t>(layout::kPdpt, layout::kPageDirectory.value() | kTableFlags));
  std::array<uint64_t, 512> directory{};
  for (uint64_t i = 0; i < directory.size(); ++i) {
    directory[i] = i << 21 | kTableFlags | kPageSize2M;
  }
  std::array<uint8_t, sizeof(directory)> bytes;
  std::memcpy(bytes.data(), directory.data(), sizeof(directory));
  return memory.Write(layout::kPageDirectory, bytes);
}

// Local APIC register page: offsets and delivery modes of SDM volume 3, 11.4.1 and 11.5.1.
constexpr size_t kLint0Offset = 0x350;
constexpr size_t kLint1Offset = 0x360;
constexpr uint32_t kDeliveryMask = 0x700;
constexpr uint32_t kDeliveryNmi = 0x400;
constexpr uint32_t kDeliveryExtInt = 0x700;

void SetDeliveryMode(kvm_lapic_state& lapic, size_t offset, uint32_t mode) {
  uint32_t value = 0;
  std::memcpy(&value, lapic.regs + offset, sizeof(value));
  value = (value & ~kDeliveryMask) | mode;
  std::memcpy(lapic.regs + offset, &value, sizeof(value));
}

// MSR numbers (SDM volume 4, chapter 2).
constexpr uint32_t kMsrTsc = 0x10;
constexpr uint32_t kMsrSysenterCs = 0x174;
constexpr uint32_t kMsrSysenterEsp = 0x175;
constexpr uint32_t kMsrSysenterEip = 0x176;
constexpr uint32_t kMsrMiscEnable = 0x1a0;
constexpr uint32_t kMsrMtrrDefType = 0x2ff;
constexpr uint32_t kMsrStar = 0xc0000081;
constexpr uint32_t kMsrLstar = 0xc0000082;
constexpr uint32_t kMsrCstar = 0xc0000083;
constexpr uint32_t kMsrSyscallMask = 0xc0000084;
constexpr uint32_t kMsrKernelGsBase = 0xc0000102;

constexpr uint64_t kMiscEnableFastStrings = 1;
// Enabled, default type write-back (SDM volume 3, 12.11.2.1).
constexpr uint64_t kMtrrEnabledWriteBack = 0x806;

constexpr std::array<kvm_msr_entry, 11> kBootMsrs = {{
    {.index = kMsrSysenterCs},
    {.index = kMsrSysenterEsp},
    {.index = kMsrSysenterEip},
    {.index = kMsrStar},
    {.index = kMsrCstar},
    {.index = kMsrKernelGsBase},
    {.index = kMsrSyscallMask},
    {.index = kMsrLstar},
    {.index = kMsrTsc},
    {.index = kMsrMiscEnable, .data = kMiscEnableFastStrings},
    {.index = kMsrMtrrDefType, .data = kMtrrEnabledWriteBack},
}};

}  // namespace

kvm_regs BootRegs(BootProtocol protocol, GuestAddress entry) {
  kvm_regs regs = {};
  regs.rip = entry.value();
  regs.rflags = kRflagsReserved;
  if (protocol == BootProtocol::kPvh) {
    regs.rbx = layout::kPvhStartInfo.value();
  } else {
    regs.rsi = layout::kZeroPage.value();
    regs.rsp = layout::kBootStack.value();
    regs.rbp = layout::kBootStack.value();
  }
  return regs;
}

void SetBootSregs(BootProtocol protocol, kvm_sregs& sregs) {
  const SegmentFlags& flags = FlagsOf(protocol);
  sregs.cs = Segment(kCodeIndex, flags.code, kFlatLimit);
  const kvm_segment data = Segment(kDataIndex, flags.data, kFlatLimit);
  sregs.ds = data;
  sregs.es = data;
  sregs.fs = data;
  sregs.gs = data;
  sregs.ss = data;
  sregs.tr = Segment(kTssIndex, flags.tss, TssLimit(protocol));
  sregs.gdt = {.base = layout::kGdt.value(), .limit = 4 * sizeof(uint64_t) - 1};
  sregs.idt = {.base = layout::kIdt.value(), .limit = sizeof(uint64_t) - 1};
  sregs.cr0 = kCr0ProtectionEnable | kCr0ExtensionType;
  sregs.cr4 = 0;
  sregs.efer = 0;
  if (protocol == BootProtocol::kLinux64) {
    sregs.cr3 = layout::kPml4.value();
    sregs.cr4 = kCr4PhysicalAddressExtension;
    sregs.cr0 |= kCr0Paging;
    sregs.efer = kEferLongModeEnable | kEferLongModeActive;
  }
}

kvm_fpu BootFpu() {
  kvm_fpu fpu = {};
  fpu.fcw = 0x37f;
  fpu.mxcsr = 0x1f80;
  return fpu;
}

std::span<const kvm_msr_entry> BootMsrs() { return kBootMsrs; }

void SetBootLapic(kvm_lapic_state& lapic) {
  SetDeliveryMode(lapic, kLint0Offset, kDeliveryExtInt);
  SetDeliveryMode(lapic, kLint1Offset, kDeliveryNmi);
}

absl::Status WriteBootTables(BootProtocol protocol, const GuestMemory& memory) {
  const SegmentFlags& flags = FlagsOf(protocol);
  const std::array<uint64_t, 4> gdt = {
      0,
      Descriptor(flags.code, kFlatLimit),
      Descriptor(flags.data, kFlatLimit),
      Descriptor(flags.tss, TssLimit(protocol)),
  };
  std::array<uint8_t, sizeof(gdt)> bytes;
  std::memcpy(bytes.data(), gdt.data(), sizeof(gdt));
  RETURN_IF_ERROR(memory.Write(layout::kGdt, bytes));
  RETURN_IF_ERROR(memory.WriteObject<uint64_t>(layout::kIdt, 0));
  return protocol == BootProtocol::kLinux64 ? WriteIdentityMap(memory) : absl::OkStatus();
}

}  // namespace mayfly
