// Writes a byte to the pages 0x110, 0x120 and 0x121 (4 KiB each), halts.

.include "tests/guests/guest.inc"

GUEST dirty_three_pages
  mov $0x110000, %eax
  movb $1, (%rax)
  mov $0x120000, %eax
  movb $1, 0xfff(%rax)
  movb $1, 0x1000(%rax)
  hlt
GUEST_END dirty_three_pages
