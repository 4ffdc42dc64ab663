// What a process and its threads have given up; each case in a process of its own.

#include "jailer/confinement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <functional>
#include <string>

#include "tests/fakes/temporary_file.h"

namespace mayfly {
namespace {

using testing::ExitedWithCode;
using testing::KilledBySignal;

constexpr int kFailed = 100;

// Confined; ends with what `then` returns.
[[noreturn]] void RunConfined(const ConfinementOptions& options,
                              const std::function<int(const ThreadHooks&)>& then) {
  const auto hooks = ConfineMonitor(options);
  if (!hooks.ok()) {
    std::fprintf(stderr, "%s\n", std::string(hooks.status().message()).c_str());
    _exit(kFailed);
  }
  _exit(then(*hooks));
}

uint32_t EffectiveCapabilities() {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets = {};
  syscall(SYS_capget, &header, sets.data());
  return sets[0].effective | sets[0].permitted | sets[1].permitted;
}

TEST(ConfinementTest, ProcessGivesUpPrivilegesAndCoreDumps) {
  EXPECT_EXIT(RunConfined({.has_seccomp = false},
                          [](const ThreadHooks&) {
                            rlimit core = {};
                            getrlimit(RLIMIT_CORE, &core);
                            return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
                                           core.rlim_max == 0 && prctl(PR_GET_SECCOMP) == 0
                                       ? 0
                                       : 1;
                          }),
              ExitedWithCode(0), "");
}

TEST(ConfinementTest, VcpuHasNoCapabilities) {
  if (EffectiveCapabilities() == 0) {
    GTEST_SKIP() << "this user has no capabilities that could be given up";
  }
  EXPECT_EXIT(RunConfined({.has_seccomp = false},
                          [](const ThreadHooks& hooks) {
                            return hooks.on_vcpu().ok() && EffectiveCapabilities() == 0 ? 0 : 1;
                          }),
              ExitedWithCode(0), "");
}

TEST(ConfinementTest, LoopKeepsThoseForFilesOnly) {
  constexpr uint32_t kFileCapabilities =
      (uint32_t{1} << CAP_DAC_OVERRIDE) | (uint32_t{1} << CAP_DAC_READ_SEARCH);
  EXPECT_EXIT(RunConfined({.has_seccomp = false},
                          [&](const ThreadHooks& hooks) {
                            return hooks.on_loop().ok() &&
                                           (EffectiveCapabilities() & ~kFileCapabilities) == 0
                                       ? 0
                                       : 1;
                          }),
              ExitedWithCode(0), "");
}

TEST(ConfinementTest, FiltersAreInForce) {
  EXPECT_EXIT(RunConfined({}, [](const ThreadHooks&) { return syscall(SYS_getppid) > 0; }),
              KilledBySignal(SIGSYS), "");
  // Which the start may, and a vCPU may not.
  EXPECT_EXIT(RunConfined({},
                          [](const ThreadHooks& hooks) {
                            return hooks.on_vcpu().ok()
                                       ? static_cast<int>(syscall(SYS_socket, 1, 1, 0))
                                       : kFailed;
                          }),
              KilledBySignal(SIGSYS), "");
}

TEST(ConfinementTest, FileOfFiltersMayBeBroken) {
  constexpr std::array<uint8_t, 4> kNoFilters = {1, 2, 3, 4};
  const TemporaryFile file(kNoFilters);
  EXPECT_EXIT(
      RunConfined({.seccomp_filter_path = file.path()}, [](const ThreadHooks&) { return 0; }),
      ExitedWithCode(kFailed), "Seccomp error: Filter deserialization failed");
}

}  // namespace
}  // namespace mayfly
