// Reads a byte from port 0x60, writes it plus one to port 0x80, writes "hi" to port 0x3f8 with REP OUTSB, halts.

.include "tests/guests/guest.inc"

GUEST port_io_then_hlt
  in $0x60, %al
  inc %al
  out %al, $0x80
  mov $LOAD_ADDRESS + (text - guest_port_io_then_hlt), %esi
  mov $2, %ecx
  mov $0x3f8, %dx
  rep outsb
  hlt
text:
  .ascii "hi"
GUEST_END port_io_then_hlt
