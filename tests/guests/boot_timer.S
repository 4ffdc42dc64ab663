// Writes the byte 123 to the boot timer at 0xC0000000 (after mapping it), then powers off.

.include "tests/guests/guest.inc"

.set PDPT, 0xa000
.set PAGE_DIRECTORY, 0xc000

GUEST boot_timer
  mov $PDPT, %eax
  movl $(PAGE_DIRECTORY | 3), 24(%rax)  // the fourth GiB: present, writable
  mov $PAGE_DIRECTORY, %eax
  movl $0xc0000083, (%rax)              // its first 2 MiB page: present, writable, large
  mov $0xc0000000, %eax
  movb $122, (%rax)
  movb $123, (%rax)
  mov $0x600, %dx
  mov $0x34, %al
  out %al, %dx
1:
  hlt
  jmp 1b
GUEST_END boot_timer
