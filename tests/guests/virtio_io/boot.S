// Takes the machine from its PVH entry (32-bit, no paging) to Main() at CPL 3 in long mode.
//
// All that runs at CPL 0 is this file: hosts without vmx or svm interpret CPL 0 and run CPL 3 natively. There is no
// IDT, for nothing here may fault or be interrupted; what faults shuts the machine down. CPL 3 gets its ports by the
// bitmap of the task state segment, for those hosts do not keep an I/O privilege level of 3.

.set ENTRY_WRITABLE_USER, 0x67           // present, writable, user, accessed, dirty
.set ENTRY_LARGE, ENTRY_WRITABLE_USER | 0x80
.set TABLE_ENTRIES, 512
.set IDENTITY_GIB, 4
.set USER_CODE, 0x30 | 3
.set USER_DATA, 0x28 | 3
.set TASK_STATE, 0x38
.set RFLAGS_RESERVED, 0x02
.set TASK_STATE_BYTES, 104
.set PORT_BITMAP_BYTES, 0x400 / 8        // ports 0 to 0x3ff: COM1 and the keyboard controller

.section .note.pvh, "a", @note
.balign 4
  .long 4                                // size of the name
  .long 4                                // size of the value
  .long 18                               // XEN_ELFNOTE_PHYS32_ENTRY
  .asciz "Xen"
  .long PvhEntry

.section .text.boot, "ax", @progbits
.code32
.global PvhEntry
PvhEntry:
  cld
  mov $stack_end, %esp
  mov %ebx, start_info_address
  movl $(pdpt + ENTRY_WRITABLE_USER), pml4
  mov $(directories + ENTRY_WRITABLE_USER), %eax
  mov $pdpt, %edi
  mov $IDENTITY_GIB, %ecx
1:
  mov %eax, (%edi)
  add $4096, %eax
  add $8, %edi
  loop 1b
  mov $ENTRY_LARGE, %eax
  mov $directories, %edi
  mov $(IDENTITY_GIB * TABLE_ENTRIES), %ecx
1:
  mov %eax, (%edi)
  add $0x200000, %eax
  add $8, %edi
  loop 1b

  mov $0x20, %eax                        // PAE
  mov %eax, %cr4
  mov $pml4, %eax
  mov %eax, %cr3
  mov $0xc0000080, %ecx                  // EFER
  rdmsr
  or $0x100, %eax                        // LME
  wrmsr
  mov %cr0, %eax
  or $0x80000001, %eax                   // PG, PE
  mov %eax, %cr0
  mov $task_state, %eax                  // scatters the address over its descriptor
  mov %ax, task_state_descriptor + 2
  shr $16, %eax
  mov %al, task_state_descriptor + 4
  mov %ah, task_state_descriptor + 7
  movw $TASK_STATE_BYTES, task_state + 102  // where the bitmap is
  movb $0xff, task_state + TASK_STATE_BYTES + PORT_BITMAP_BYTES
  lgdt gdt_pointer
  ljmp $0x10, $1f
.code64
1:
  mov $TASK_STATE, %eax
  ltr %ax
  pushq $USER_DATA
  pushq $stack_end
  pushq $RFLAGS_RESERVED
  pushq $USER_CODE
  pushq $UserEntry
  iretq

UserEntry:
  xor %ebp, %ebp
  mov start_info_address, %edi
  call Main
1:
  pause
  jmp 1b

.section .data
.balign 8
// Selectors as Linux has them: some hosts run only those natively.
gdt:
  .quad 0
  .quad 0
  .quad 0x00af9b000000ffff               // 0x10: CPL 0 code
  .quad 0x00cf93000000ffff               // 0x18: CPL 0 data
  .quad 0
  .quad 0x00cff3000000ffff               // 0x28: CPL 3 data
  .quad 0x00affb000000ffff               // 0x30: CPL 3 code
task_state_descriptor:                   // 0x38
  .word TASK_STATE_BYTES + PORT_BITMAP_BYTES
  .byte 0, 0, 0, 0x89, 0, 0
  .quad 0
gdt_end:
gdt_pointer:
  .word gdt_end - gdt - 1
  .long gdt

.section .bss
.balign 4096
pml4:
  .skip 4096
pdpt:
  .skip 4096
directories:
  .skip 4096 * IDENTITY_GIB
start_info_address:
  .skip 8
task_state:
  .skip TASK_STATE_BYTES + PORT_BITMAP_BYTES + 1
.balign 16
boot_stack:
  .skip 16384
stack_end:

.section .note.GNU-stack, "", @progbits
