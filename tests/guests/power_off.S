// Writes S5 and SLP_EN to the ACPI sleep control register (port 0x600).

.include "tests/guests/guest.inc"

GUEST power_off
  mov $0x600, %dx
  mov $0x34, %al
  out %al, %dx
1:
  hlt
  jmp 1b
GUEST_END power_off
