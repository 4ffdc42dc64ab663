// The routines: raw system calls, as machine code of an intruder's would make them.

#include "tests/escape/escape_routine.h"

#include <fcntl.h>
#include <liburing.h>
#include <linux/kvm.h>
#include <linux/vm_sockets.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/escape/ring_intrusion.h"

namespace mayfly {
namespace {

struct Routine {
  const char* name;
  // A negative errno when refused.
  int (*run)();
};

pid_t g_parent = 0;
int g_kvm_fd = -1;
const char* g_path = "/etc/passwd";
std::array<uint8_t, 4096> g_buffer;

template <typename... Arguments>
int Call(int64_t number, Arguments... arguments) {
  const int64_t result = syscall(number, arguments...);
  return result < 0 ? -errno : static_cast<int>(result);
}

int Execute() {
  const char* arguments[] = {"/bin/sh", nullptr};
  return Call(SYS_execve, "/bin/sh", arguments, nullptr);
}

int MapExecutable() {
  const int64_t address = syscall(SYS_mmap, nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return address < 0 ? -errno : 0;
}

int MakeExecutable() {
  const auto page = reinterpret_cast<uintptr_t>(g_buffer.data()) & ~uintptr_t{4095};
  return Call(SYS_mprotect, page, 4096, PROT_READ | PROT_EXEC);
}

// For the jail, where the host's files are not; the plain monitor opens files by design.
int OpenHostFile() {
  int result = Call(SYS_openat, AT_FDCWD, g_path, O_RDONLY);
  for (int fd = 0; result < 0 && fd < 64; ++fd) {
    result = Call(SYS_openat, fd, "../../../../../../../../../etc/passwd", O_RDONLY);
  }
  return result;
}

int Operation(uint8_t opcode, int fd, const void* address, uint32_t size, uint64_t offset) {
  io_uring_sqe entry = {};
  entry.opcode = opcode;
  entry.fd = fd;
  // The kernel takes addresses as numbers.
  entry.addr = reinterpret_cast<uintptr_t>(address);
  entry.len = size;
  entry.off = offset;
  return SubmitToMonitorRing(entry);
}

int ConnectByRing() {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, "/run/anybody");
  return Operation(IORING_OP_CONNECT, 1, &address, 0, sizeof(address));
}

int LinkedByRing() {
  io_uring_sqe entry = {};
  entry.opcode = IORING_OP_NOP;
  entry.flags = IOSQE_IO_LINK;
  return SubmitToMonitorRing(entry);
}

int MessageByRing() {
  static msghdr message = {};
  return Operation(IORING_OP_SENDMSG, 1, &message, 1, 0);
}

constexpr std::array kRoutines = {
    Routine{"execve", Execute},
    Routine{"execveat",
            [] { return Call(SYS_execveat, AT_FDCWD, "/bin/sh", nullptr, nullptr, 0); }},
    Routine{"fork", [] { return Call(SYS_fork); }},
    Routine{"vfork-by-clone", [] { return Call(SYS_clone, SIGCHLD, 0, 0, 0, 0); }},
    Routine{"clone3", [] { return Call(SYS_clone3, g_buffer.data(), 88); }},
    Routine{"ptrace", [] { return Call(SYS_ptrace, PTRACE_ATTACH, g_parent, 0, 0); }},
    Routine{"process-vm-writev",
            [] { return Call(SYS_process_vm_writev, g_parent, nullptr, 0, nullptr, 0, 0); }},
    Routine{"pidfd-open", [] { return Call(SYS_pidfd_open, g_parent, 0); }},
    Routine{"kill", [] { return Call(SYS_kill, g_parent, SIGUSR1); }},
    Routine{"tgkill", [] { return Call(SYS_tgkill, g_parent, g_parent, SIGKILL); }},
    // With a number that the loop may send to its vCPUs: of other processes the kernel or Landlock
    // keeps it away.
    Routine{"tgkill-allowed-signal", [] { return Call(SYS_tgkill, g_parent, g_parent, 35); }},
    Routine{"socket-inet", [] { return Call(SYS_socket, AF_INET, SOCK_STREAM, 0); }},
    Routine{"socket-vsock", [] { return Call(SYS_socket, AF_VSOCK, SOCK_STREAM, 0); }},
    Routine{"socket-unix", [] { return Call(SYS_socket, AF_UNIX, SOCK_STREAM, 0); }},
    Routine{"bind", [] { return Call(SYS_bind, 0, g_buffer.data(), 16); }},
    Routine{"mmap-exec", MapExecutable},
    Routine{"mprotect-exec", MakeExecutable},
    Routine{"pkey-mprotect", [] { return Call(SYS_pkey_mprotect, 0, 4096, PROT_EXEC, -1); }},
    Routine{"memfd-create", [] { return Call(SYS_memfd_create, "code", 0); }},
    Routine{"mount", [] { return Call(SYS_mount, "none", "/", "proc", 0, nullptr); }},
    Routine{"umount", [] { return Call(SYS_umount2, "/", MNT_DETACH); }},
    Routine{"open-tree", [] { return Call(SYS_open_tree, AT_FDCWD, "/", 0); }},
    Routine{"pivot-root", [] { return Call(SYS_pivot_root, "/", "/"); }},
    Routine{"chroot", [] { return Call(SYS_chroot, "/"); }},
    Routine{"setns", [] { return Call(SYS_setns, 0, CLONE_NEWNS); }},
    Routine{"unshare", [] { return Call(SYS_unshare, CLONE_NEWUSER); }},
    Routine{"mknod", [] { return Call(SYS_mknodat, AT_FDCWD, "/disk", S_IFBLK | 0600, 0x800); }},
    Routine{"symlink", [] { return Call(SYS_symlinkat, "/etc", AT_FDCWD, "/link"); }},
    Routine{"link", [] { return Call(SYS_linkat, AT_FDCWD, "/a", AT_FDCWD, "/b", 0); }},
    Routine{"mkdir", [] { return Call(SYS_mkdirat, AT_FDCWD, "/folder", 0777); }},
    Routine{"chmod", [] { return Call(SYS_fchmodat, AT_FDCWD, "/", 0777); }},
    Routine{"setuid", [] { return Call(SYS_setuid, 0); }},
    Routine{"capset", [] { return Call(SYS_capset, g_buffer.data(), nullptr); }},
    Routine{"seccomp", [] { return Call(SYS_seccomp, 1, 0, nullptr); }},
    Routine{"prctl-dumpable", [] { return Call(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0); }},
    Routine{"bpf", [] { return Call(SYS_bpf, 0, nullptr, 0); }},
    Routine{"perf-event-open", [] { return Call(SYS_perf_event_open, nullptr, 0, -1, -1, 0); }},
    Routine{"keyctl", [] { return Call(SYS_keyctl, 0, 0, 0, 0, 0); }},
    Routine{"userfaultfd", [] { return Call(SYS_userfaultfd, 0); }},
    Routine{"modify-ldt", [] { return Call(SYS_modify_ldt, 0, nullptr, 0); }},
    Routine{"io-uring-setup",
            [] {
              static io_uring_params params = {};
              return Call(SYS_io_uring_setup, 8, &params);
            }},
    Routine{"io-uring-register", [] { return Call(SYS_io_uring_register, 3, 0, nullptr, 0); }},
    Routine{"ioctl-tiocsti", [] { return Call(SYS_ioctl, 0, TIOCSTI, "x"); }},
    Routine{"ioctl-kvm-create-vm", [] { return Call(SYS_ioctl, g_kvm_fd, KVM_CREATE_VM, 0); }},
    Routine{"ioctl-kvm-memory",
            [] { return Call(SYS_ioctl, 0, KVM_SET_USER_MEMORY_REGION, g_buffer.data()); }},
    Routine{"ioctl-unknown", [] { return Call(SYS_ioctl, 0, 0xdead, nullptr); }},
    Routine{"host-file", OpenHostFile},
    Routine{"ring-openat", [] { return Operation(IORING_OP_OPENAT, AT_FDCWD, g_path, 0, 0); }},
    Routine{"ring-openat2", [] { return Operation(IORING_OP_OPENAT2, AT_FDCWD, g_path, 24, 0); }},
    Routine{"ring-socket", [] { return Operation(IORING_OP_SOCKET, AF_INET, nullptr, 0, 1); }},
    Routine{"ring-connect", ConnectByRing},
    Routine{"ring-sendmsg", MessageByRing},
    Routine{"ring-unlinkat",
            [] { return Operation(IORING_OP_UNLINKAT, AT_FDCWD, "/anything", 0, 0); }},
    Routine{"ring-statx", [] { return Operation(IORING_OP_STATX, AT_FDCWD, "/", 0, 0); }},
    Routine{"ring-splice", [] { return Operation(IORING_OP_SPLICE, 0, nullptr, 1, 0); }},
    Routine{"ring-linked-nop", LinkedByRing},
};

const Routine* Find(const char* choice, std::string* thread) {
  const char* colon = std::strchr(choice, ':');
  if (colon == nullptr) {
    return nullptr;
  }
  *thread = std::string(choice, colon);
  for (const Routine& routine : kRoutines) {
    if (std::strcmp(routine.name, colon + 1) == 0) {
      return &routine;
    }
  }
  return nullptr;
}

// Found before the process is confined.
const Routine* g_routine = nullptr;
EscapeThread g_thread = EscapeThread::kVcpu;

}  // namespace

bool IsEscapeFor(EscapeThread thread) { return g_thread == thread; }

void RunEscape() {
  const int result = g_routine->run();
  std::array<char, 160> line;
  const int size = result < 0 ? std::snprintf(line.data(), line.size(), "ESCAPE %s: refused: %s\n",
                                              g_routine->name, std::strerror(-result))
                              : std::snprintf(line.data(), line.size(), "ESCAPE %s: SUCCEEDED\n",
                                              g_routine->name);
  (void)!write(STDERR_FILENO, line.data(), static_cast<size_t>(size));
}

void PrepareEscape(const char* choice) {
  std::string thread;
  g_routine = Find(choice, &thread);
  if (g_routine == nullptr || (thread != "vcpu" && thread != "loop")) {
    std::fputs("mayfly_escape: the last argument is to be vcpu: or loop: and a routine's name\n",
               stderr);
    std::exit(2);
  }
  g_thread = thread == "vcpu" ? EscapeThread::kVcpu : EscapeThread::kLoop;
  g_parent = getppid();
  g_kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  LearnRingLayout();
}

void PrintEscapes() {
  for (const Routine& routine : kRoutines) {
    std::puts(routine.name);
  }
}

}  // namespace mayfly
