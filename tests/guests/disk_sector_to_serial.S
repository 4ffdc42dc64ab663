// Drives the first virtio-mmio device, a disk: prints the first 6 bytes of its first sector, then resets the device, prints
// 'R' if its status reads 0 right after that, and pulls the keyboard controller's reset line.

.include "tests/guests/guest.inc"

.set PDPT, 0xa000
.set PAGE_DIRECTORY, 0xc000
.set WINDOW, 0xc0001000
.set DESCRIPTORS, 0x200000
.set AVAILABLE, 0x201000
.set USED, 0x202000
.set HEADER, 0x203000
.set DATA, 0x204000
.set STATUS_BYTE, 0x205000
.set SERIAL, 0x3f8

// Register, value; rbx has the window.
.macro REGISTER offset, value
  movl $\value, \offset(%rbx)
.endm

// Number, address, length, flags, next.
.macro DESCRIPTOR number, address, length, flags, next
  movq $\address, (\number * 16)(%rdi)
  movl $\length, (\number * 16 + 8)(%rdi)
  movw $\flags, (\number * 16 + 12)(%rdi)
  movw $\next, (\number * 16 + 14)(%rdi)
.endm

GUEST disk_sector_to_serial
  mov $PDPT, %eax
  movl $(PAGE_DIRECTORY | 3), 24(%rax)  // the fourth GiB: present, writable
  mov $PAGE_DIRECTORY, %eax
  movl $0xc0000083, (%rax)              // its first 2 MiB page: present, writable, large
  mov $WINDOW, %ebx

  REGISTER 0x70, 1                      // ACKNOWLEDGE
  REGISTER 0x70, 3                      // DRIVER
  REGISTER 0x24, 1
  REGISTER 0x20, 1                      // VERSION_1 and nothing else
  REGISTER 0x70, 11                     // FEATURES_OK
  REGISTER 0x30, 0
  REGISTER 0x38, 4
  REGISTER 0x80, DESCRIPTORS
  REGISTER 0x90, AVAILABLE
  REGISTER 0xa0, USED
  REGISTER 0x44, 1
  REGISTER 0x70, 15                     // DRIVER_OK

  mov $DESCRIPTORS, %edi
  DESCRIPTOR 0, HEADER, 16, 1, 1        // an IN request for sector 0: its header is all zeros
  DESCRIPTOR 1, DATA, 512, 3, 2
  DESCRIPTOR 2, STATUS_BYTE, 1, 2, 0
  mov $AVAILABLE, %edi
  movl $0x10001, (%rdi)                 // no interrupts; one chain, whose head is 0
  REGISTER 0x50, 0
  mov $USED, %edi
1:
  cmpw $0, 2(%rdi)
  je 1b

  mov $DATA, %esi
  mov $6, %ecx
  mov $SERIAL, %dx
  rep outsb
  REGISTER 0x70, 0
  mov 0x70(%rbx), %eax
  test %eax, %eax
  jnz 2f
  mov $'R', %al
  out %al, %dx
2:
  mov $0xfe, %al
  out %al, $0x64
3:
  hlt
  jmp 3b
GUEST_END disk_sector_to_serial
