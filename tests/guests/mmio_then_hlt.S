// Writes 0x12345678 to address 0x20000000, where there is no RAM, reads it back, leaves the value in rbx, halts.

.include "tests/guests/guest.inc"

GUEST mmio_then_hlt
  mov $0x20000000, %eax
  movl $0x12345678, (%rax)
  mov (%rax), %ebx
  hlt
GUEST_END mmio_then_hlt
