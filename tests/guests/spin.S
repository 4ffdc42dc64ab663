// Runs for ever without leaving the guest.

.include "tests/guests/guest.inc"

GUEST spin
1:
  pause
  jmp 1b
GUEST_END spin
