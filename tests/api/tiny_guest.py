"""ELF kernels of a few instructions, for tests that need a running guest but no operating system.

They are entered in 64-bit mode with the first GiB mapped to itself, as a Linux kernel is; page tables at 0x9000.
"""

import struct

LOAD_ADDRESS = 0x100000

# Prints an 8-digit counter (hexadecimal, digits a to p) and a line feed, for ever.
COUNT = bytes.fromhex(
    "31db"              # xor ebx, ebx
    "66baf803"          # mov dx, 0x3f8
    "ffc3"              # next: inc ebx
    "b908000000"        # mov ecx, 8
    "c1c304"            # digit: rol ebx, 4
    "88d8"              # mov al, bl
    "240f"              # and al, 15
    "0461"              # add al, 'a'
    "ee"                # out dx, al
    "e2f4"              # loop digit
    "b00a" "ee"         # mov al, '\n'; out dx, al
    "b9204e0000"        # mov ecx, 20000
    "e2fe"              # delay: loop delay
    "ebe1")             # jmp next
# COUNT without its delay, which also writes the counter to 16 pages each time; after 128 times to all of 4 to 12 MiB.
WRITE_PAGES = bytes.fromhex(
    "31db"              # xor ebx, ebx
    "66baf803"          # mov dx, 0x3f8
    "ffc3"              # next: inc ebx
    "89df"              # mov edi, ebx
    "83e77f"            # and edi, 127
    "c1e710"            # shl edi, 16
    "81c700004000"      # add edi, 0x400000
    "b910000000"        # mov ecx, 16
    "891f"              # page: mov [rdi], ebx
    "81c700100000"      # add edi, 4096
    "e2f6"              # loop page
    "b908000000"        # mov ecx, 8
    "c1c304"            # digit: rol ebx, 4
    "88d8"              # mov al, bl
    "240f"              # and al, 15
    "0461"              # add al, 'a'
    "ee"                # out dx, al
    "e2f4"              # loop digit
    "b00a" "ee"         # mov al, '\n'; out dx, al
    "ebcb")             # jmp next
# Prints "hello" and a line feed, then pulls the keyboard controller's reset line.
HELLO_THEN_RESET = bytes.fromhex(
    "488d3512000000"    # lea rsi, [hello]
    "b906000000"        # mov ecx, 6
    "66baf803"          # mov dx, 0x3f8
    "f36e"              # rep outsb
    "b0fe" "e664"       # mov al, 0xfe; out 0x64, al
    "f4" "ebfd"         # halt: hlt; jmp halt
    "68656c6c6f0a")     # hello: "hello\n"
# Maps the fourth GiB, writes the byte 123 to the boot timer at 0xC0000000, and spins.
BOOT_TIMER = bytes.fromhex(
    "b800a00000"        # mov eax, 0xa000
    "c7401803c00000"    # mov dword [rax + 24], 0xc003
    "b800c00000"        # mov eax, 0xc000
    "c700830000c0"      # mov dword [rax], 0xc0000083
    "b8000000c0"        # mov eax, 0xc0000000
    "c6007b"            # mov byte [rax], 123
    "f390" "ebfc")      # spin: pause; jmp spin
# Faults with no interrupt table: the processor shuts down.
TRIPLE_FAULT = bytes.fromhex(
    "48b8ffffffffff7f0000"  # mov rax, 0x7fffffffffff
    "c60001")               # mov byte [rax], 1
# Enables the keyboard, prints "ready" and a line feed, waits for the code of the Delete key (scan code set 1 or 2) by
# polling the keyboard controller, then resets.
RESET_ON_DELETE = bytes.fromhex(
    "b060" "e664"       # mov al, 0x60; out 0x64, al (write the control byte)
    "b001" "e660"       # mov al, 1; out 0x60, al (interrupt and keyboard on)
    "488d3522000000"    # lea rsi, [ready]
    "b906000000"        # mov ecx, 6
    "66baf803"          # mov dx, 0x3f8
    "f36e"              # rep outsb
    "e464"              # again: in al, 0x64
    "a801" "74fa"       # test al, 1; jz again
    "e460"              # in al, 0x60
    "3c71" "7404"       # cmp al, 0x71; je reset
    "3c53" "75f0"       # cmp al, 0x53; jne again
    "b0fe" "e664"       # reset: mov al, 0xfe; out 0x64, al
    "f4" "ebfd"         # halt: hlt; jmp halt
    "72656164790a")     # ready: "ready\n"
# Prints as fast as it can, for ever.
FLOOD = bytes.fromhex("66baf803" "b078" "ee" "ebfd")  # mov dx, 0x3f8; mov al, 'x'; next: out dx, al; jmp next
# Runs for ever without leaving the guest.
SPIN = bytes.fromhex("f390" "ebfc")  # spin: pause; jmp spin


def elf(code, address=LOAD_ADDRESS):
    """An x86-64 executable of one segment, entered at its first byte."""
    header_bytes, entry_bytes = 64, 56
    identity = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = identity + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, address, header_bytes, 0, 0, header_bytes, entry_bytes, 1,
                                    0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, header_bytes + entry_bytes, address, address, len(code), len(code), 1)
    return header + segment + code


def last_count(output):
    """The last whole number that COUNT has printed; 0 before the first."""
    lines = [line for line in output.split("\n")[:-1] if len(line) == 8 and set(line) <= set("abcdefghijklmnop")]
    return int("".join("0123456789abcdef"["abcdefghijklmnop".index(digit)] for digit in lines[-1]), 16) if lines else 0
