// The one call that installs a filter.

#include "jailer/seccomp_filter.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "base/status.h"

namespace mayfly {

absl::Status InstallSeccompFilter(std::span<const sock_filter> filter) {
  // The kernel only reads the program.
  const sock_fprog program = {.len = static_cast<uint16_t>(filter.size()),
                              .filter = const_cast<sock_filter*>(filter.data())};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
    return ErrnoError("seccomp");
  }
  return absl::OkStatus();
}

}  // namespace mayfly
