// A filter on a process of its own.

#include "jailer/seccomp_filter.h"

#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>

namespace mayfly {
namespace {

using testing::ExitedWithCode;
using testing::KilledBySignal;

// Answers getppid with `action`; everything else is allowed.
std::array<sock_filter, 4> FilterOfGetppid(uint32_t action) {
  return {{{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
           {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_getppid},
           {BPF_RET | BPF_K, 0, 0, action},
           {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}}};
}

void InstallAndCall(uint32_t action, bool has_no_new_privs) {
  if (has_no_new_privs) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  }
  const absl::Status status = InstallSeccompFilter(FilterOfGetppid(action));
  if (!status.ok()) {
    _exit(100);
  }
  const int64_t result = syscall(SYS_getppid);
  _exit(result < 0 ? errno : 0);
}

TEST(SeccompFilterTest, IsInForceAtOnce) {
  EXPECT_EXIT(InstallAndCall(SECCOMP_RET_ERRNO | ENOTTY, true), ExitedWithCode(ENOTTY), "");
  EXPECT_EXIT(InstallAndCall(SECCOMP_RET_TRAP, true), KilledBySignal(SIGSYS), "");
  EXPECT_EXIT(InstallAndCall(SECCOMP_RET_ALLOW, true), ExitedWithCode(0), "");
}

TEST(SeccompFilterTest, BrokenProgramIsRefused) {
  // Falls off its end.
  const std::array<sock_filter, 1> program = {
      {{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)}}};
  const absl::Status status = InstallSeccompFilter(program);
  EXPECT_EQ(status.message(), "seccomp: Invalid argument");
}

TEST(SeccompFilterTest, BuiltInFiltersDiffer) {
  const size_t start = BuiltInFilter(ThreadKind::kStart).size();
  const size_t loop = BuiltInFilter(ThreadKind::kLoop).size();
  const size_t vcpu = BuiltInFilter(ThreadKind::kVcpu).size();
  EXPECT_GT(start, loop);
  EXPECT_GT(loop, vcpu);
  EXPECT_GT(vcpu, 10u);
}

}  // namespace
}  // namespace mayfly
