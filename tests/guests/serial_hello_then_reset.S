// Prints "hello\n" on the serial port at 0x3f8, then pulls the keyboard controller's reset line.

.include "tests/guests/guest.inc"

GUEST serial_hello_then_reset
  mov $LOAD_ADDRESS + (hello - guest_serial_hello_then_reset), %esi
  mov $6, %ecx
  mov $0x3f8, %dx
  rep outsb
  mov $0xfe, %al
  out %al, $0x64
1:
  hlt
  jmp 1b
hello:
  .ascii "hello\n"
GUEST_END serial_hello_then_reset
