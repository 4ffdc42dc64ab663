// Counts up the 64-bit number at 0x200000 for ever; every 4096th time it also writes to port 0x80, which leaves the guest.

.include "tests/guests/guest.inc"

.set COUNTER, 0x200000

GUEST count_for_ever
  mov $COUNTER, %edi
1:
  incq (%rdi)
  testq $0xfff, (%rdi)
  jnz 1b
  out %al, $0x80
  jmp 1b
GUEST_END count_for_ever
