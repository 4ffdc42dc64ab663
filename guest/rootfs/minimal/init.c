// The first process of Mayfly's own guests: mounts, banner, a shell on the console, power-off.
//
// It has no C library: a static glibc program executes dozens of CPUID instructions before main(), and each of them is an
// exit to the monitor. Options on the kernel command line (values may be quoted as the kernel allows, name="a b"):
//   mayfly.boot_timer    write 123 to the monitor's boot timer first of all
//   mayfly.exec=COMMAND  run this command instead of a shell
//   mayfly.batch         the console is a script, not a person: no echo, no prompt; Ctrl-D ends it
//   mayfly.poweroff      power off after the banner
//   mayfly.reboot        reset the machine where otherwise it would be powered off
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/if.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/reboot.h>
#include <linux/sysinfo.h>
#include <linux/time.h>
#include <linux/utsname.h>

enum { kSigChld = 17, kAfInet = 2, kSockDgram = 2, kSiocSifFlags = 0x8914, kKernelLogReadAll = 3, kCharDevice = 0020000 };
#define BOOT_TIMER_ADDRESS 0xC0000000UL  // A device register of the monitor; see docs of the boot timer.

static char command_line[4096];
static char kernel_log[1 << 17];

static long Syscall6(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#define SYSCALL(number, a, b, c, d, e) Syscall6(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

// The compiler may call these two whatever the flags.
void* memcpy(void* to, const void* from, unsigned long size) {
  for (unsigned long i = 0; i < size; ++i) ((char*)to)[i] = ((const char*)from)[i];
  return to;
}
void* memset(void* to, int value, unsigned long size) {
  for (unsigned long i = 0; i < size; ++i) ((char*)to)[i] = (char)value;
  return to;
}

static unsigned long Length(const char* text) {
  unsigned long length = 0;
  while (text[length] != 0) ++length;
  return length;
}

static int StartsWith(const char* text, const char* start) {
  while (*start != 0) {
    if (*text++ != *start++) return 0;
  }
  return 1;
}

static char* Append(char* end, const char* text) {
  unsigned long length = Length(text);
  memcpy(end, text, length + 1);
  return end + length;
}

// At least `digits` digits, zeros in front.
static char* AppendNumber(char* end, unsigned long value, int digits) {
  char reversed[24];
  int count = 0;
  while (value != 0 || count < digits) {
    reversed[count++] = (char)('0' + value % 10);
    value /= 10;
  }
  while (count > 0) *end++ = reversed[--count];
  *end = 0;
  return end;
}

static void Print(const char* text) { SYSCALL(__NR_write, 1, text, Length(text), 0, 0); }

// Reads a whole small file and ends it with a zero; returns its length, 0 on any error.
static long ReadFile(const char* path, char* buffer, long size) {
  long fd = SYSCALL(__NR_open, path, O_RDONLY, 0, 0, 0);
  if (fd < 0) return 0;
  long length = SYSCALL(__NR_read, fd, buffer, size - 1, 0, 0);
  SYSCALL(__NR_close, fd, 0, 0, 0, 0);
  if (length < 0) length = 0;
  buffer[length] = 0;
  return length;
}

// The value of option `name` in command_line (which is left whole), "" for an option without one, or null.
// Copies it to `value`.
static const char* Option(const char* name, char* value) {
  const char* at = command_line;
  while (*at != 0) {
    int quoted = 0;
    const char* word = at;
    while (*at != 0 && *at != '\n' && (quoted || *at != ' ')) {
      if (*at == '"') quoted = !quoted;
      ++at;
    }
    // The kernel takes both name="a b" and "name=a b".
    if (*word == '"') ++word;
    if (StartsWith(word, name)) {
      const char* from = word + Length(name);
      if (from >= at || *from == '=') {
        char* end = value;
        for (from += (from < at); from < at; ++from) {
          if (*from != '"') *end++ = *from;
        }
        *end = 0;
        return value;
      }
    }
    if (*at != 0) ++at;
  }
  return 0;
}

static int HasOption(const char* name) {
  static char ignored[sizeof(command_line)];
  return Option(name, ignored) != 0;
}

// Linux gives access to device memory through character device 1:1; a node of our own spares waiting for /dev.
static void WriteBootTimer(void) {
  SYSCALL(__NR_mknod, "/boot-timer", kCharDevice | 0600, (1 << 8) | 1, 0, 0);
  long fd = SYSCALL(__NR_open, "/boot-timer", O_RDWR | O_SYNC, 0, 0, 0);
  SYSCALL(__NR_unlink, "/boot-timer", 0, 0, 0, 0);
  if (fd < 0) fd = SYSCALL(__NR_open, "/dev/mem", O_RDWR | O_SYNC, 0, 0, 0);
  long page = Syscall6(__NR_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, BOOT_TIMER_ADDRESS);
  if (page < 0) {
    Print("Mayfly guest: the boot timer cannot be mapped\n");
    return;
  }
  *(volatile unsigned char*)page = 123;
  SYSCALL(__NR_munmap, page, 4096, 0, 0, 0);
  SYSCALL(__NR_close, fd, 0, 0, 0, 0);
}

static void PrintBanner(void) {
  struct timespec up;
  struct new_utsname name;
  struct sysinfo memory;
  unsigned long cpu_mask[16];
  char text[512];
  SYSCALL(__NR_clock_gettime, CLOCK_BOOTTIME, &up, 0, 0, 0);
  SYSCALL(__NR_uname, &name, 0, 0, 0, 0);
  SYSCALL(__NR_sysinfo, &memory, 0, 0, 0, 0);
  long mask_bytes = SYSCALL(__NR_sched_getaffinity, 0, sizeof(cpu_mask), cpu_mask, 0, 0);
  unsigned long cpus = 0;
  for (long i = 0; i < mask_bytes / (long)sizeof(long); ++i) {
    for (unsigned long bits = cpu_mask[i]; bits != 0; bits &= bits - 1) ++cpus;
  }
  char* end = Append(Append(Append(text, "Mayfly guest: Linux "), name.release), ", ");
  end = Append(AppendNumber(end, cpus, 1), cpus == 1 ? " CPU, " : " CPUs, ");
  end = AppendNumber(end, memory.totalram * memory.mem_unit >> 20, 1);
  end = AppendNumber(Append(end, " MiB, up in "), (unsigned long)up.tv_sec, 1);
  end = AppendNumber(Append(end, "."), (unsigned long)up.tv_nsec / 1000000, 3);
  Append(end, " s\n");
  Print(text);
}

static void MountRest(void) {
  static const struct {
    const char *type, *path, *options;
  } kMounts[] = {
      {"sysfs", "/sys", 0},       {"devtmpfs", "/dev", 0},
      {"tmpfs", "/tmp", 0},       {"tmpfs", "/run", 0},
      {"devpts", "/dev/pts", 0},  {"tmpfs", "/dev/shm", 0},
  };
  for (unsigned i = 0; i < sizeof(kMounts) / sizeof(kMounts[0]); ++i) {
    // /dev/pts and /dev/shm do not exist before /dev is mounted. On a read-only root the others are there already.
    SYSCALL(__NR_mkdir, kMounts[i].path, 0755, 0, 0, 0);
    SYSCALL(__NR_mount, kMounts[i].type, kMounts[i].path, kMounts[i].type, 0, kMounts[i].options);
  }
}

static void RaiseLoopback(void) {
  struct ifreq request = {.ifr_ifrn.ifrn_name = "lo", .ifr_ifru.ifru_flags = IFF_UP};
  long fd = SYSCALL(__NR_socket, kAfInet, kSockDgram, 0, 0, 0);
  SYSCALL(__NR_ioctl, fd, kSiocSifFlags, &request, 0, 0);
  SYSCALL(__NR_close, fd, 0, 0, 0, 0);
}

// Makes the console the terminal of this process and its session. /dev/console itself cannot control a session, so
// the device behind it is asked for.
static void TakeTerminal(char* path) {
  char* name = Append(path, "/dev/");
  if (ReadFile("/sys/class/tty/console/active", name, 100) == 0) Append(path, "/dev/console");
  for (char* at = name; *at != 0; ++at) {
    if (*at == ' ') name = at + 1;  // The last one named is /dev/console.
    if (*at == '\n') *at = 0;
  }
  if (name != path + 5) Append(path + 5, name);
  SYSCALL(__NR_setsid, 0, 0, 0, 0, 0);
  long fd = SYSCALL(__NR_open, path, O_RDWR, 0, 0, 0);
  if (fd < 0) return;
  SYSCALL(__NR_ioctl, fd, TIOCSCTTY, 0, 0, 0);
  for (int target = 0; target < 3; ++target) SYSCALL(__NR_dup2, fd, target, 0, 0, 0);
  if (fd > 2) SYSCALL(__NR_close, fd, 0, 0, 0, 0);
}

static void TurnEchoOff(void) {
  struct termios mode;
  SYSCALL(__NR_ioctl, 0, TCGETS, &mode, 0, 0);
  mode.c_lflag &= ~(tcflag_t)ECHO;
  SYSCALL(__NR_ioctl, 0, TCSETS, &mode, 0, 0);
}

// Status as a shell would give it. Reaps orphans on the way.
static unsigned long WaitFor(long child) {
  int status = 0;
  while (1) {
    long ended = SYSCALL(__NR_wait4, -1, &status, 0, 0, 0);
    if (ended == child || ended < 0) break;
  }
  return (status & 0x7f) != 0 ? 128UL + (status & 0x7f) : (unsigned long)(status >> 8 & 0xff);
}

// Splits the session's leader from the process that goes on. When a leader ends, the kernel hangs its terminal up and
// drops what still waits there to be sent: the leader waits for the other one, drains the terminal and ends with its
// status. With all signals blocked it may do so from the background, and Ctrl-C is not for it.
static void LeaveLeaderBehind(void) {
  enum { kSetMask = 2 };
  long shell = SYSCALL(__NR_fork, 0, 0, 0, 0, 0);
  if (shell == 0) return;
  unsigned long all_signals = ~0UL;
  SYSCALL(__NR_rt_sigprocmask, kSetMask, &all_signals, 0, sizeof(all_signals), 0);
  unsigned long status = WaitFor(shell);
  SYSCALL(__NR_ioctl, 0, TCSBRK, 1, 0, 0);  // As tcdrain().
  SYSCALL(__NR_exit_group, status, 0, 0, 0, 0);
}

// In the child: the command, or the shell. Does not return.
static void RunShell(const char* command, char** environment) {
  char terminal[128];
  TakeTerminal(terminal);
  int batch = HasOption("mayfly.batch");
  if (batch) TurnEchoOff();
  LeaveLeaderBehind();
  // A shell that is given its terminal as a script neither prompts nor edits lines.
  const char* script[] = {"sh", terminal, 0};
  const char* single[] = {"sh", "-c", command, 0};
  const char* interactive[] = {"-sh", 0};
  const char* comfortable[] = {"-bash", 0};
  const char** arguments = command != 0 ? single : batch ? script : interactive;
  SYSCALL(__NR_chdir, "/root", 0, 0, 0, 0);
  if (arguments == interactive) SYSCALL(__NR_execve, "/bin/bash", comfortable, environment, 0, 0);
  SYSCALL(__NR_execve, "/bin/sh", arguments, environment, 0, 0);
  Print("Mayfly guest: no /bin/sh\n");
  SYSCALL(__NR_exit_group, 127, 0, 0, 0, 0);
}

// Linux halts for ever when it is asked to power off a machine that gave it no way to. Whether there is one stands
// only in the log ("ACPI: PM: (supports S0 S5)"); without it the machine is reset, which ends the VM as well.
static void EndMachine(void) {
  // What was printed may still wait for the serial port: an argument other than 0 drains it, as tcdrain().
  SYSCALL(__NR_ioctl, 1, TCSBRK, 1, 0, 0);
  SYSCALL(__NR_sync, 0, 0, 0, 0, 0);
  int can_power_off = 0;
  long length = SYSCALL(__NR_syslog, kKernelLogReadAll, kernel_log, sizeof(kernel_log) - 1, 0, 0);
  for (long i = 0; i < length && !can_power_off; ++i) can_power_off = StartsWith(kernel_log + i, "S5)");
  int command = can_power_off && !HasOption("mayfly.reboot") ? (int)LINUX_REBOOT_CMD_POWER_OFF
                                                             : LINUX_REBOOT_CMD_RESTART;
  SYSCALL(__NR_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command, 0, 0);
  while (1) SYSCALL(__NR_pause, 0, 0, 0, 0, 0);
}

__attribute__((used)) void InitMain(long* stack) {
  static char command[sizeof(command_line)];
  static char banner[64];
  char** environment = (char**)(stack + stack[0] + 2);
  SYSCALL(__NR_mkdir, "/proc", 0755, 0, 0, 0);
  SYSCALL(__NR_mount, "proc", "/proc", "proc", 0, 0);
  ReadFile("/proc/cmdline", command_line, sizeof(command_line));
  if (HasOption("mayfly.boot_timer")) WriteBootTimer();
  PrintBanner();
  if (!HasOption("mayfly.poweroff")) {
    MountRest();
    RaiseLoopback();
    const char* to_run = Option("mayfly.exec", command);
    long child = SYSCALL(__NR_fork, 0, 0, 0, 0, 0);
    if (child == 0) RunShell(to_run, environment);
    unsigned long status = WaitFor(child);
    if (to_run != 0) {
      char* end = Append(banner, "Mayfly guest: command ended with status ");
      Append(AppendNumber(end, status, 1), "\n");
      Print(banner);
    }
  }
  EndMachine();
}

// The kernel enters with the argument count at the stack pointer.
__asm__(".globl _start\n_start:\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call InitMain\n");
