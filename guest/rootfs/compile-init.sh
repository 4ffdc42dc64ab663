# shellcheck shell=bash
# Compiles the init of our guests; sourced by the scripts beside it, which set $here, never run by itself.

# compile_init OUTPUT
compile_init() {
  # shellcheck disable=SC2154  # $here is the sourcing script's.
  gcc -std=c11 -Os -Wall -Wextra -Werror -static -nostdlib -ffreestanding -fno-pie -no-pie -fno-stack-protector \
    -fno-asynchronous-unwind-tables -s -Wl,-z,noseparate-code,-z,noexecstack,--build-id=none \
    -o "$1" "$here/minimal/init.c"
}
