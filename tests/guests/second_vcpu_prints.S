// Starts the other vCPU through the local APIC (x2APIC mode): that one prints "2" on the serial port and resets the
// machine.

.include "tests/guests/guest.inc"

.set TRAMPOLINE, 0x8000

GUEST second_vcpu_prints
  mov $LOAD_ADDRESS + (trampoline - guest_second_vcpu_prints), %esi
  mov $TRAMPOLINE, %edi
  mov $(trampoline_end - trampoline), %ecx
  rep movsb
  mov $0x1b, %ecx       // IA32_APIC_BASE: enable, x2APIC
  rdmsr
  or $0xc00, %eax
  wrmsr
  mov $0x830, %ecx      // x2APIC ICR
  xor %edx, %edx
  mov $0xc4500, %eax    // INIT to all but self
  wrmsr
  mov $(0xc4600 | TRAMPOLINE >> 12), %eax  // start-up at the trampoline
  wrmsr
1:
  hlt
  jmp 1b
.code16
trampoline:
  mov $0x3f8, %dx
  mov $0x32, %al
  out %al, %dx
  mov $0xfe, %al
  out %al, $0x64
2:
  hlt
  jmp 2b
trampoline_end:
.code64
GUEST_END second_vcpu_prints
