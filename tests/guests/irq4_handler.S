// Sets the PIC up with IRQ 4 unmasked at vector 0x24, says "ready" by writing 0x52 to port 0x80, and writes 0x49 there
// for every interrupt.

.include "tests/guests/guest.inc"

.set IDT, 0x3000
.set GATE, IDT + 0x24 * 16
.set HANDLER, LOAD_ADDRESS + (handler - guest_irq4_handler)

GUEST irq4_handler
  mov $0x11, %al        // ICW1: edge triggered, cascaded, ICW4 follows
  out %al, $0x20
  mov $0x20, %al        // ICW2: vectors from 0x20 on
  out %al, $0x21
  mov $0x04, %al        // ICW3: slave on line 2
  out %al, $0x21
  mov $0x01, %al        // ICW4: 8086 mode
  out %al, $0x21
  mov $0xef, %al        // mask all but line 4
  out %al, $0x21
  mov $GATE, %edi
  movw $(HANDLER & 0xffff), (%rdi)
  movw $0x08, 2(%rdi)
  movw $0x8e00, 4(%rdi)
  movw $(HANDLER >> 16), 6(%rdi)
  movq $0, 8(%rdi)
  mov $LOAD_ADDRESS + (idt_pointer - guest_irq4_handler), %eax
  lidt (%rax)
  mov $0x52, %al
  out %al, $0x80
  sti
1:
  hlt
  jmp 1b
handler:
  mov $0x49, %al
  out %al, $0x80
  mov $0x20, %al        // end of interrupt
  out %al, $0x20
  iretq
idt_pointer:
  .word 0xfff
  .quad IDT
GUEST_END irq4_handler
