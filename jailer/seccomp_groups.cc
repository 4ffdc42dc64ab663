// What each group allows, and why.

#include "jailer/seccomp_groups.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/if_tun.h>
#include <linux/io_uring.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>

#include <cerrno>
#include <csignal>
#include <initializer_list>
#include <utility>

#include "base/thread_hooks.h"
#include "jailer/kvm_ioctls.h"

namespace mayfly {
namespace {

struct Ioctl {
  uint64_t number;
  const char* name;
  const char* reason;
};

SyscallRule Allow(const char* group, int number, const char* reason) {
  return {.number = number, .checks = {}, .group = group, .reason = reason};
}

SyscallRule AllowIf(const char* group, int number, std::vector<ArgumentCheck> checks,
                    const char* reason) {
  return {.number = number, .checks = std::move(checks), .group = group, .reason = reason};
}

SyscallRule Refuse(const char* group, int number, int error, const char* reason) {
  return {.number = number, .refusal_errno = error, .group = group, .reason = reason};
}

SyscallRules AllowIoctls(const char* group, std::initializer_list<Ioctl> ioctls) {
  SyscallRules rules;
  for (const Ioctl& ioctl : ioctls) {
    rules.push_back(AllowIf(group, SYS_ioctl, {IntIs(1, ioctl.number, ioctl.name)}, ioctl.reason));
  }
  return rules;
}

void Append(SyscallRules& rules, SyscallRules more) {
  rules.insert(rules.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
}

constexpr ArgumentCheck kNoExec = {
    .index = 2, .mask = PROT_EXEC, .value = 0, .text = "no PROT_EXEC"};

}  // namespace

SyscallRules AllowThreadLife() {
  constexpr const char* kGroup = "thread life";
  return {
      Allow(kGroup, SYS_exit_group, "the process's end; in any thread after a refused call"),
      AllowIf(kGroup, SYS_madvise, {IntIs(2, MADV_DONTNEED, "MADV_DONTNEED")},
              "C library: the stack of a thread that ends, free memory of other threads' arenas"),
      Allow(kGroup, SYS_rt_sigprocmask, "C library: around threads' ends and raise"),
      Allow(kGroup, SYS_rt_sigreturn, "the end of a signal handler, of the kick of a vCPU too"),
      Allow(kGroup, SYS_restart_syscall,
            "the kernel makes it when a stopped process goes on; not reached otherwise"),
  };
}

SyscallRules AllowMemory() {
  constexpr const char* kGroup = "memory";
  return {
      Allow(kGroup, SYS_brk, "malloc"),
      AllowIf(kGroup, SYS_mmap, {kNoExec}, "malloc's large blocks, buffers, page maps"),
      Allow(kGroup, SYS_munmap, "free, buffers, guest memory at the end"),
      Allow(kGroup, SYS_mremap, "realloc of a large block"),
  };
}

SyscallRules AllowLocks() {
  constexpr const char* kGroup = "locks";
  constexpr const char* kReason =
      "mutexes, conditions, joining threads, objects made once; some only when two threads meet";
  const auto operation = [&](uint64_t number, const char* text) {
    return AllowIf(kGroup, SYS_futex, {IntIs(1, number, text)}, kReason);
  };
  return {
      operation(FUTEX_WAIT, "FUTEX_WAIT"),
      operation(FUTEX_WAKE, "FUTEX_WAKE"),
      operation(FUTEX_WAIT_PRIVATE, "FUTEX_WAIT_PRIVATE"),
      operation(FUTEX_WAKE_PRIVATE, "FUTEX_WAKE_PRIVATE"),
      operation(FUTEX_WAIT_BITSET_PRIVATE, "FUTEX_WAIT_BITSET_PRIVATE"),
      operation(FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME,
                "FUTEX_WAIT_BITSET_PRIVATE, FUTEX_CLOCK_REALTIME"),
      operation(FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME,
                "FUTEX_WAIT_BITSET, FUTEX_CLOCK_REALTIME"),
  };
}

SyscallRules AllowLog() {
  constexpr const char* kGroup = "log";
  return {
      Allow(kGroup, SYS_write, "an eventfd that wakes the loop; log and error lines"),
      Allow(kGroup, SYS_writev, "log and metrics lines"),
      Allow(kGroup, SYS_poll,
            "whether standard output takes a line without waiting, if it is a pipe or terminal"),
      Allow(kGroup, SYS_clock_gettime,
            "hosts whose clock source the vDSO cannot read; not reached on others"),
  };
}

SyscallRules AllowLastWords() {
  constexpr const char* kGroup = "last words";
  return {
      AllowIf(kGroup, SYS_ioctl, {IntIs(1, TCSETS, "TCSETS")},
              "a fatal signal's handler restores the terminal"),
      Allow(kGroup, SYS_rt_sigaction, "signal handlers that put the default action back"),
      Allow(kGroup, SYS_getpid, "raise"),
      Allow(kGroup, SYS_gettid, "raise"),
      AllowIf(kGroup, SYS_tgkill, {IntIs(2, SIGABRT, "SIGABRT")}, "abort"),
  };
}

SyscallRules AllowKvmRun() {
  constexpr const char* kGroup = "KVM run";
  SyscallRules rules = AllowIoctls(kGroup, {{KVM_RUN, "KVM_RUN", "runs the guest"},
                                            {KVM_KVMCLOCK_CTRL, "KVM_KVMCLOCK_CTRL",
                                             "tells the guest's clock that it was paused"}});
  Append(rules, {
                    Allow(kGroup, SYS_exit, "the thread's end"),
                    Allow(kGroup, SYS_sched_yield, "waiting for the loop to be confined"),
                });
  return rules;
}

SyscallRules AllowRegisterDump() {
  constexpr const char* kReason = "the dump of a vCPU that cannot go on";
  return AllowIoctls("register dump", {{KVM_GET_REGS, "KVM_GET_REGS", kReason},
                                       {KVM_GET_SREGS, "KVM_GET_SREGS", kReason},
                                       {KVM_TRANSLATE, "KVM_TRANSLATE", kReason}});
}

SyscallRules AllowRing() {
  constexpr const char* kGroup = "ring";
  return {
      Allow(kGroup, SYS_io_uring_enter, "all I/O; the ring's own list says which (base/ring.cc)"),
      AllowIf(kGroup, SYS_io_uring_register,
              {IntIs(1, IORING_UNREGISTER_RING_FDS, "IORING_UNREGISTER_RING_FDS")},
              "the ring's end; the ring itself refuses every other registration"),
  };
}

SyscallRules AllowConnections() {
  constexpr const char* kGroup = "connections";
  return {
      Allow(kGroup, SYS_sendto, "answers that a client takes at once"),
      Allow(kGroup, SYS_recvfrom, "what a client that is turned away has sent"),
  };
}

SyscallRules AllowSignals() {
  constexpr const char* kGroup = "signals";
  return {
      AllowIf(kGroup, SYS_tgkill, {IntIs(2, SIGTERM, "SIGTERM")}, "ends by the signal that came"),
      AllowIf(kGroup, SYS_tgkill, {IntIs(2, SIGINT, "SIGINT")}, "ends by the signal that came"),
  };
}

SyscallRules AllowVcpuControl() {
  constexpr const char* kGroup = "vCPU control";
  return {
      AllowIf(kGroup, SYS_tgkill, {IntIs(2, kVcpuKickSignal, "the kick signal (35)")},
              "makes a vCPU leave the guest"),
  };
}

SyscallRules AllowFiles() {
  constexpr const char* kGroup = "files";
  return {
      Allow(kGroup, SYS_openat,
            "disks exchanged, snapshots, page maps; in a jail only what is in it"),
      Allow(kGroup, SYS_close, "every descriptor's end"),
      Allow(kGroup, SYS_pread64, "memory files that are merged, working sets"),
      Allow(kGroup, SYS_newfstatat, "sizes and kinds of files"),
      Allow(kGroup, SYS_lseek, "where a file has data"),
      AllowIf(kGroup, SYS_fcntl, {IntIs(1, F_GETFL, "F_GETFL")}, "folders that are read"),
      AllowIf(kGroup, SYS_fcntl, {IntIs(1, F_SETFD, "F_SETFD"), IntIs(2, FD_CLOEXEC, "FD_CLOEXEC")},
              "folders that are read"),
  };
}

SyscallRules AllowTerminal() {
  constexpr const char* kGroup = "terminal";
  return AllowIoctls(kGroup, {{TCGETS, "TCGETS", "whether a descriptor is a terminal"}});
}

SyscallRules AllowDisks() {
  constexpr const char* kReason = "a block device that takes a disk's place";
  SyscallRules rules = AllowIoctls("disks", {{BLKGETSIZE64, "BLKGETSIZE64", kReason},
                                             {BLKSSZGET, "BLKSSZGET", kReason},
                                             {BLKPBSZGET, "BLKPBSZGET", kReason}});
  rules.push_back(Allow("disks", SYS_fallocate,
                        "whether a file can be discarded from; memory files without zero pages"));
  return rules;
}

SyscallRules AllowNetwork() {
  return AllowIoctls("network", {{TUNSETOFFLOAD, "TUNSETOFFLOAD", "what the driver can do"}});
}

SyscallRules AllowRandom() {
  return {Allow("random", SYS_getrandom, "ids of snapshots, tokens, names of staged files")};
}

SyscallRules AllowSnapshotSave() {
  constexpr const char* kGroup = "snapshot save";
  constexpr const char* kReason = "state of a vCPU";
  constexpr const char* kVmReason = "state of the VM";
  SyscallRules rules = AllowIoctls(
      kGroup,
      {{KVM_GET_REGS, "KVM_GET_REGS", kReason},
       {KVM_GET_SREGS, "KVM_GET_SREGS", kReason},
       {KVM_GET_LAPIC, "KVM_GET_LAPIC", kReason},
       {KVM_GET_XCRS, "KVM_GET_XCRS", kReason},
       {KVM_GET_DEBUGREGS, "KVM_GET_DEBUGREGS", kReason},
       {KVM_GET_VCPU_EVENTS, "KVM_GET_VCPU_EVENTS", kReason},
       {KVM_GET_MP_STATE, "KVM_GET_MP_STATE", kReason},
       {KVM_GET_TSC_KHZ, "KVM_GET_TSC_KHZ", kReason},
       {kKvmGetMsrsNumber, "KVM_GET_MSRS", kReason},
       {kKvmSetMsrsNumber, "KVM_SET_MSRS",
        "whether an MSR that was read can be restored: written back as it is"},
       {kKvmGetCpuid2Number, "KVM_GET_CPUID2", kReason},
       {kKvmGetXsaveNumber, "KVM_GET_XSAVE", "hosts without KVM_GET_XSAVE2"},
       {kKvmGetXsave2Number, "KVM_GET_XSAVE2", "hosts whose XSAVE state has more than 4096 bytes"},
       {KVM_GET_IRQCHIP, "KVM_GET_IRQCHIP", kVmReason},
       {KVM_GET_PIT2, "KVM_GET_PIT2", kVmReason},
       {KVM_GET_CLOCK, "KVM_GET_CLOCK", kVmReason},
       {KVM_GET_DIRTY_LOG, "KVM_GET_DIRTY_LOG", "pages of a diff snapshot"},
       {KVM_CHECK_EXTENSION, "KVM_CHECK_EXTENSION", "size of XSAVE state"},
       {KVM_GET_API_VERSION, "KVM_GET_API_VERSION", "KVM opened again"},
       {kKvmGetMsrIndexListNumber, "KVM_GET_MSR_INDEX_LIST", "MSRs to save"},
       {FICLONE, "FICLONE", "a base memory file that is shared, not copied"}});
  Append(rules, {
                    Allow(kGroup, SYS_pwrite64, "memory files"),
                    Allow(kGroup, SYS_ftruncate, "the size of a memory file"),
                    Allow(kGroup, SYS_fsync, "files and their folder, before they get their names"),
                    Allow(kGroup, SYS_flock, "two snapshots at once onto the same file"),
                    Allow(kGroup, SYS_renameat, "the last step of a snapshot"),
                    Allow(kGroup, SYS_readlink, "which file a path of a snapshot names"),
                    Allow(kGroup, SYS_unlinkat, "staged files that are not wanted"),
                    Allow(kGroup, SYS_getdents64, "staged files that others left"),
                    Allow(kGroup, SYS_copy_file_range, "a base memory file that cannot be shared"),
                    Allow(kGroup, SYS_mincore,
                          "pages that a guest has touched, where its memory is not a memfd's"),
                    Allow(kGroup, SYS_fstatfs, "whether guest memory is of huge pages"),
                });
  return rules;
}

SyscallRules AllowGuestMemoryAdvice() {
  return {Allow("guest memory", SYS_madvise, "kinds of pages, what a core dump leaves out")};
}

SyscallRules AllowThreadStart() {
  constexpr const char* kGroup = "thread start";
  return {
      Refuse(kGroup, SYS_clone3, ENOSYS,
             "its flags are in memory, which a filter cannot see; the C library then uses clone"),
      AllowIf(kGroup, SYS_clone,
              {{.index = 0, .mask = CLONE_THREAD, .value = CLONE_THREAD, .text = "CLONE_THREAD"}},
              "vCPU threads; no processes"),
      AllowIf(kGroup, SYS_mprotect, {kNoExec}, "C library: all of a new stack but its guard page"),
      Allow(kGroup, SYS_set_robust_list, "C library: a thread's start"),
      Allow(kGroup, SYS_rseq, "C library: a thread's start"),
      AllowIf(kGroup, SYS_prctl, {IntIs(0, PR_SET_NAME, "PR_SET_NAME")}, "names of threads"),
  };
}

SyscallRules AllowConfinement() {
  constexpr const char* kGroup = "confinement";
  return {
      AllowIf(kGroup, SYS_seccomp, {IntIs(0, SECCOMP_SET_MODE_FILTER, "SECCOMP_SET_MODE_FILTER")},
              "the narrower filters"),
      Allow(kGroup, SYS_capget, "which capabilities there are to give up"),
      Allow(kGroup, SYS_capset, "gives capabilities up"),
  };
}

SyscallRules AllowApiSocket() {
  constexpr const char* kGroup = "API socket";
  return {
      AllowIf(kGroup, SYS_socket, {IntIs(0, AF_UNIX, "AF_UNIX")}, "the API, a userfault handler"),
      Allow(kGroup, SYS_bind, "the API"),
      Allow(kGroup, SYS_listen, "the API"),
  };
}

SyscallRules AllowVmCreation() {
  constexpr const char* kReason = "a new VM";
  constexpr const char* kRestored = "a restored VM";
  return AllowIoctls("VM creation",
                     {{KVM_CREATE_VM, "KVM_CREATE_VM", kReason},
                      {KVM_CHECK_EXTENSION, "KVM_CHECK_EXTENSION", kReason},
                      {KVM_GET_API_VERSION, "KVM_GET_API_VERSION", kReason},
                      {KVM_GET_VCPU_MMAP_SIZE, "KVM_GET_VCPU_MMAP_SIZE", kReason},
                      {kKvmGetSupportedCpuidNumber, "KVM_GET_SUPPORTED_CPUID", kReason},
                      {KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION", kReason},
                      {KVM_SET_TSS_ADDR, "KVM_SET_TSS_ADDR", kReason},
                      {KVM_CREATE_IRQCHIP, "KVM_CREATE_IRQCHIP", kReason},
                      {KVM_CREATE_PIT2, "KVM_CREATE_PIT2", kReason},
                      {KVM_CREATE_VCPU, "KVM_CREATE_VCPU", kReason},
                      {KVM_IRQFD, "KVM_IRQFD", "interrupts of devices"},
                      {KVM_IOEVENTFD, "KVM_IOEVENTFD", "notifications of devices"},
                      {KVM_SET_IRQCHIP, "KVM_SET_IRQCHIP", kRestored},
                      {KVM_SET_PIT2, "KVM_SET_PIT2", kRestored},
                      {KVM_SET_CLOCK, "KVM_SET_CLOCK", kRestored}});
}

SyscallRules AllowVcpuCreation() {
  constexpr const char* kReason = "registers at boot";
  constexpr const char* kRestored = "a restored vCPU";
  return AllowIoctls("vCPU creation", {{kKvmSetCpuid2Number, "KVM_SET_CPUID2", kReason},
                                       {kKvmSetMsrsNumber, "KVM_SET_MSRS", kReason},
                                       {KVM_SET_REGS, "KVM_SET_REGS", kReason},
                                       {KVM_SET_SREGS, "KVM_SET_SREGS", kReason},
                                       {KVM_SET_FPU, "KVM_SET_FPU", kReason},
                                       {KVM_SET_LAPIC, "KVM_SET_LAPIC", kReason},
                                       {KVM_SET_XCRS, "KVM_SET_XCRS", kRestored},
                                       {KVM_SET_DEBUGREGS, "KVM_SET_DEBUGREGS", kRestored},
                                       {KVM_SET_VCPU_EVENTS, "KVM_SET_VCPU_EVENTS", kRestored},
                                       {KVM_SET_MP_STATE, "KVM_SET_MP_STATE", kRestored},
                                       {kKvmSetXsaveNumber, "KVM_SET_XSAVE", kRestored},
                                       {KVM_SET_TSC_KHZ, "KVM_SET_TSC_KHZ",
                                        "a vCPU that was saved at another frequency"}});
}

SyscallRules AllowGuestMemoryCreation() {
  constexpr const char* kGroup = "guest memory creation";
  return {
      Allow(kGroup, SYS_memfd_create, "guest memory"),
      Allow(kGroup, SYS_sysinfo, "how much memory the host has"),
  };
}

SyscallRules AllowDeviceCreation() {
  constexpr const char* kGroup = "device creation";
  SyscallRules rules = AllowIoctls(
      kGroup, {{TUNSETIFF, "TUNSETIFF", "a card's TAP"},
               {TUNGETIFF, "TUNGETIFF", "a TAP given by descriptor"},
               {TUNSETVNETHDRSZ, "TUNSETVNETHDRSZ", "a card's TAP: the header before each frame"},
               {SIOCGIFINDEX, "SIOCGIFINDEX", "whether a TAP exists"},
               {TIOCGPGRP, "TIOCGPGRP", "whether the console's terminal is the foreground's"}});
  Append(rules, {
                    Allow(kGroup, SYS_eventfd2, "notifications and interrupts"),
                    AllowIf(kGroup, SYS_fcntl, {IntIs(1, F_SETFL, "F_SETFL")},
                            "a TAP given by descriptor: its reads wait"),
                    AllowIf(kGroup, SYS_fcntl, {IntIs(1, F_DUPFD_CLOEXEC, "F_DUPFD_CLOEXEC")},
                            "disks and TAPs that are opened before the start"),
                    Allow(kGroup, SYS_read, "kernels, configurations, state files"),
                    Allow(kGroup, SYS_getpgrp, "whether the terminal is the foreground's"),
                });
  return rules;
}

SyscallRules AllowUserfault() {
  constexpr const char* kGroup = "userfault";
  constexpr const char* kReason = "a restore whose memory a handler fills";
  SyscallRules rules = AllowIoctls(kGroup, {{USERFAULTFD_IOC_NEW, "USERFAULTFD_IOC_NEW", kReason},
                                            {UFFDIO_API, "UFFDIO_API", kReason},
                                            {UFFDIO_REGISTER, "UFFDIO_REGISTER", kReason}});
  Append(rules, {
                    Allow(kGroup, SYS_userfaultfd, "hosts without /dev/userfaultfd"),
                    Allow(kGroup, SYS_connect, kReason),
                    Allow(kGroup, SYS_sendmsg, kReason),
                });
  return rules;
}

SyscallRules AllowLimits() {
  return {AllowIf("limits", SYS_prlimit64,
                  {{.index = 2, .mask = UINT64_MAX, .value = 0, .text = "no new limit"}},
                  "whether guest memory fits into a file")};
}

}  // namespace mayfly
