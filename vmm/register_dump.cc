// Formats vCPU state for a person.

#include "vmm/register_dump.h"

#include <array>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace mayfly {
namespace {

constexpr size_t kMaxInstructionBytes = 15;

std::string FormatSegment(absl::string_view name, const kvm_segment& segment) {
  return absl::StrFormat(
      "  %s  %04x base %016x limit %08x type %x s %d dpl %d p %d l %d db %d g %d\n", name,
      segment.selector, segment.base, segment.limit, segment.type, segment.s, segment.dpl,
      segment.present, segment.l, segment.db, segment.g);
}

// The bytes at cs:rip as the guest's page tables map them; fewer at the end of a page, none when
// unmapped.
std::vector<uint8_t> ReadInstruction(const KvmVcpu& vcpu, const GuestMemory& memory,
                                     const kvm_regs& regs, const kvm_sregs& sregs) {
  std::vector<uint8_t> bytes;
  const uint64_t linear = sregs.cs.l != 0 ? regs.rip : sregs.cs.base + regs.rip;
  for (uint64_t i = 0; i < kMaxInstructionBytes; ++i) {
    const auto address = vcpu.Translate(linear + i);
    const auto byte = address.ok() ? memory.ReadObject<uint8_t>(*address)
                                   : absl::StatusOr<uint8_t>(address.status());
    if (!byte.ok()) {
      break;
    }
    bytes.push_back(*byte);
  }
  return bytes;
}

}  // namespace

std::string FormatRegisters(const kvm_regs& regs, const kvm_sregs& sregs) {
  std::string text = absl::StrFormat(
      "  rip %016x rflags %016x\n"
      "  rax %016x rbx %016x rcx %016x rdx %016x\n"
      "  rsi %016x rdi %016x rsp %016x rbp %016x\n"
      "  r8  %016x r9  %016x r10 %016x r11 %016x\n"
      "  r12 %016x r13 %016x r14 %016x r15 %016x\n"
      "  cr0 %016x cr2 %016x cr3 %016x cr4 %016x\n"
      "  efer %016x apic_base %016x\n",
      regs.rip, regs.rflags, regs.rax, regs.rbx, regs.rcx, regs.rdx, regs.rsi, regs.rdi, regs.rsp,
      regs.rbp, regs.r8, regs.r9, regs.r10, regs.r11, regs.r12, regs.r13, regs.r14, regs.r15,
      sregs.cr0, sregs.cr2, sregs.cr3, sregs.cr4, sregs.efer, sregs.apic_base);
  absl::StrAppend(&text, FormatSegment("cs", sregs.cs), FormatSegment("ds", sregs.ds),
                  FormatSegment("ss", sregs.ss), FormatSegment("tr", sregs.tr));
  absl::StrAppendFormat(&text, "  gdt base %016x limit %04x  idt base %016x limit %04x\n",
                        sregs.gdt.base, sregs.gdt.limit, sregs.idt.base, sregs.idt.limit);
  return text;
}

std::string FormatInstruction(std::span<const uint8_t> bytes) {
  if (bytes.empty()) {
    return "(none)";
  }
  return absl::StrJoin(
      bytes, " ", [](std::string* out, uint8_t byte) { absl::StrAppendFormat(out, "%02x", byte); });
}

std::string DumpVcpu(const KvmVcpu& vcpu, const GuestMemory& memory,
                     std::span<const uint8_t> instruction) {
  const auto regs = vcpu.GetRegs();
  const auto sregs = vcpu.GetSregs();
  if (!regs.ok() || !sregs.ok()) {
    return "  (registers cannot be read)\n";
  }
  std::vector<uint8_t> at_rip;
  if (instruction.empty()) {
    at_rip = ReadInstruction(vcpu, memory, *regs, *sregs);
    instruction = at_rip;
  }
  return absl::StrCat(FormatRegisters(*regs, *sregs),
                      "  instruction bytes: ", FormatInstruction(instruction), "\n");
}

}  // namespace mayfly
