// Faults with an empty interrupt table: the fault, the double fault and the machine's shutdown.

.include "tests/guests/guest.inc"

GUEST triple_fault
  mov $0x7fffffffffff, %rax
  movb $1, (%rax)
GUEST_END triple_fault
