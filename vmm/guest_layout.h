// The guest's physical address map (x86-64): where RAM, tables, devices and interrupt lines are.
//
// Guests and Firecracker's clients rely on these addresses; docs/architecture.md says which and
// why.

#ifndef MAYFLY_VMM_GUEST_LAYOUT_H_
#define MAYFLY_VMM_GUEST_LAYOUT_H_

#include <cstddef>
#include <cstdint>

#include "base/guest_address.h"

namespace mayfly::layout {

// Boot structures in the first MiB. GDT, IDT, page tables and stack serve the 64-bit entry only.
inline constexpr GuestAddress kGdt(0x500);
inline constexpr GuestAddress kIdt(0x520);
inline constexpr GuestAddress kPvhStartInfo(0x6000);
inline constexpr GuestAddress kPvhModuleList(0x6040);
// The PVH memory map or the Linux zero page: a kernel is entered one way or the other.
inline constexpr GuestAddress kPvhMemoryMap(0x7000);
inline constexpr GuestAddress kZeroPage(0x7000);
inline constexpr GuestAddress kBootStack(0x8ff0);
inline constexpr GuestAddress kPml4(0x9000);
inline constexpr GuestAddress kPdpt(0xa000);
inline constexpr GuestAddress kPageDirectory(0xb000);
inline constexpr GuestAddress kCommandLine(0x20000);
inline constexpr uint64_t kCommandLineMaxBytes = 2048;  // with the terminating NUL

// The last KiB of base memory, where an operating system looks for the MP floating pointer, starts
// the area of the firmware tables; the ACPI RSDP is at a place an operating system scans.
inline constexpr GuestAddress kSystemTables(0x9fc00);
inline constexpr GuestAddress kSystemTablesEnd(0xde000);
// RAM that the monitor changes while the guest runs, each in a page of its own. A guest may map
// VMClock's to programs; VMGenID's must not share one with uncached memory.
inline constexpr GuestAddress kVmClock(0xde000);
inline constexpr uint64_t kVmClockSizeBytes = 0x1000;
inline constexpr GuestAddress kVmGenId(0xdfff0);
// The id of the snapshot that was taken last, for whoever restores it.
inline constexpr GuestAddress kSnapshotId(0xdffe0);
inline constexpr size_t kSnapshotIdBytes = 16;
// From kSystemTables to here guests are told to keep off.
inline constexpr GuestAddress kSystemAreaEnd(0xe0000);
inline constexpr GuestAddress kRsdp(0xe0000);

// First usable byte above the first MiB; kernels load here or higher.
inline constexpr GuestAddress kHighRam(0x100000);

// RAM is [0, 3 GiB), then from 4 GiB on to 256 GiB, then from 512 GiB on: one hole below 4 GiB for
// 32-bit MMIO, one for 64-bit MMIO.
inline constexpr GuestAddress kMmio32Hole(0xc0000000);
inline constexpr GuestAddress kMmio32HoleEnd(0x100000000);
inline constexpr GuestAddress kMmio64Hole(0x4000000000);
inline constexpr GuestAddress kMmio64HoleEnd(0x8000000000);

inline constexpr GuestAddress kBootTimer(0xc0000000);
inline constexpr GuestAddress kVirtioMmio(0xc0001000);
inline constexpr uint64_t kVirtioMmioSizeBytes = 0x1000;
inline constexpr GuestAddress kPciMmconfig(0xeec00000);
inline constexpr uint64_t kPciMmconfigSizeBytes = uint64_t{256} << 20;
inline constexpr GuestAddress kIoApic(0xfec00000);
inline constexpr GuestAddress kLocalApic(0xfee00000);
inline constexpr GuestAddress kTss(0xfffbd000);

// Ports.
inline constexpr uint64_t kSerialPort = 0x3f8;
inline constexpr uint64_t kSerialPortCount = 8;
inline constexpr uint64_t kI8042Port = 0x60;
inline constexpr uint64_t kI8042PortCount = 5;
// The ACPI sleep control and status registers (ACPI 6.5, 4.8.3.7): a port pair of our own.
inline constexpr uint64_t kSleepPort = 0x600;
inline constexpr uint64_t kSleepPortCount = 2;

// Global system interrupts.
inline constexpr uint32_t kI8042Gsi = 1;
inline constexpr uint32_t kSerialGsi = 4;
inline constexpr uint32_t kFirstVirtioGsi = 5;
inline constexpr uint32_t kLastVirtioGsi = 21;
inline constexpr size_t kMaxVirtioDevices = kLastVirtioGsi - kFirstVirtioGsi + 1;
inline constexpr uint32_t kVmGenIdGsi = 22;
inline constexpr uint32_t kVmClockGsi = 23;
inline constexpr uint32_t kIoApicPinCount = 24;

inline constexpr uint32_t kMaxVcpus = 32;

}  // namespace mayfly::layout

#endif  // MAYFLY_VMM_GUEST_LAYOUT_H_
