// What the guest uses of its machine: memory, time stamps, the serial port, the command line and
// the reset line.

#ifndef MAYFLY_TESTS_GUESTS_VIRTIO_IO_MACHINE_H_
#define MAYFLY_TESTS_GUESTS_VIRTIO_IO_MACHINE_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_BYTES 4096u

// Takes the command line from the PVH start info (Xen's public/arch-x86/hvm/start_info.h). Call
// first.
void MachineInit(uint32_t start_info_address);

// Page-aligned zeroed memory that is never given back; each page has been written once, so that no
// later access faults on the host. Fails the run when there is none left.
void* Allocate(size_t size_bytes);

// The time stamp counter.
uint64_t Ticks(void);

// The value of "name=123" on the command line (decimal); `fallback` when it is not there.
uint64_t OptionNumber(const char* name, uint64_t fallback);
// Whether the command line has "name=value".
bool OptionIs(const char* name, const char* value);
// The address of the virtio-mmio device number `index` (from 0) on the command line, which names
// each as "virtio_mmio.device=SIZE@ADDRESS:IRQ"; 0 when there are fewer.
uint64_t VirtioDeviceAddress(unsigned index);

void Print(const char* text);
// " name=123"
void PrintNumber(const char* name, uint64_t value);
// Prints `line` and waits for one byte of serial input: what the host has to do in between, it does
// then.
void MeetHost(const char* line);

// Prints "FAILED reason", and ends as End().
__attribute__((noreturn)) void Fail(const char* reason);
// Prints "DONE", asks the keyboard controller for a reset, and spins.
__attribute__((noreturn)) void End(void);

#endif  // MAYFLY_TESTS_GUESTS_VIRTIO_IO_MACHINE_H_
