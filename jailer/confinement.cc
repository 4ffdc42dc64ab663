// The order: what the process gives up at once, then each thread.

#include "jailer/confinement.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/status.h"
#include "jailer/filter_file.h"
#include "jailer/landlock.h"
#include "jailer/seccomp_filter.h"
#include "jailer/seccomp_policy.h"

namespace mayfly {
namespace {

// Root without a jail still opens files of others when a client names them.
constexpr uint32_t kLoopCapabilities =
    (uint32_t{1} << CAP_DAC_OVERRIDE) | (uint32_t{1} << CAP_DAC_READ_SEARCH);

// Keeps those of `kept` that the thread has.
absl::Status KeepCapabilities(uint32_t kept) {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets = {};
  if (syscall(SYS_capget, &header, sets.data()) != 0) {
    return ErrnoError("capget");
  }
  const uint32_t left = sets[0].permitted & kept;
  sets = {};
  sets[0] = {.effective = left, .permitted = left, .inheritable = 0};
  if (syscall(SYS_capset, &header, sets.data()) != 0) {
    return ErrnoError("capset");
  }
  return absl::OkStatus();
}

absl::Status ForbidCoreDumps() {
  const rlimit none = {.rlim_cur = 0, .rlim_max = 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) {
    return ErrnoError("setrlimit(RLIMIT_CORE)");
  }
  return absl::OkStatus();
}

// Shared by the hooks' copies; empty without seccomp.
struct Filters {
  std::span<const sock_filter> start;
  std::span<const sock_filter> loop;
  std::span<const sock_filter> vcpu;
  // What the spans point to, unless they are the built-in ones.
  FilterSet custom;
};

// Firecracker's filters are for threads of its own; ours does the work of two of them, so that its
// filter is that of "vmm" and "api" has nothing to do.
absl::StatusOr<std::shared_ptr<Filters>> ChooseFilters(const ConfinementOptions& options) {
  auto filters = std::make_shared<Filters>();
  if (options.seccomp_filter_path) {
    auto custom = ReadFilterFile(*options.seccomp_filter_path);
    if (!custom.ok()) {
      return Annotate(custom.status(), "Seccomp error");
    }
    filters->custom = *std::move(custom);
    filters->loop = filters->custom.at("vmm");
    filters->vcpu = filters->custom.at("vcpu");
  } else if (options.has_seccomp) {
    filters->start = BuiltInFilter(ThreadKind::kStart);
    filters->loop = BuiltInFilter(ThreadKind::kLoop);
    filters->vcpu = BuiltInFilter(ThreadKind::kVcpu);
  }
  return filters;
}

absl::Status ConfineThread(uint32_t capabilities, std::span<const sock_filter> filter) {
  RETURN_IF_ERROR(KeepCapabilities(capabilities));
  return filter.empty() ? absl::OkStatus() : InstallSeccompFilter(filter);
}

}  // namespace

absl::StatusOr<ThreadHooks> ConfineMonitor(const ConfinementOptions& options) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Filters> filters, ChooseFilters(options));
  // A vCPU's thread allocates next to nothing; an arena of its own would cost it five system calls
  // before its guest runs, among them mprotect, which its filter has not.
  mallopt(M_ARENA_MAX, 1);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return ErrnoError("prctl(PR_SET_NO_NEW_PRIVS)");
  }
  RETURN_IF_ERROR(ForbidCoreDumps());
  RETURN_IF_ERROR(RestrictWithLandlock().status());
  if (!filters->start.empty()) {
    RETURN_IF_ERROR(InstallSeccompFilter(filters->start));
  }
  return ThreadHooks{
      .on_loop = [filters] { return ConfineThread(kLoopCapabilities, filters->loop); },
      .on_vcpu = [filters] { return ConfineThread(0, filters->vcpu); }};
}

}  // namespace mayfly
