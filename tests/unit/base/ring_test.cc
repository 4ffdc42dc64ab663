// Ring: set-up with and without the optional flags, and refusal.

#include "base/ring.h"

#include <fcntl.h>
#include <liburing.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(RingTest, BestSetUpIsAtLeastTheMinimalOne) {
  const auto best = Ring::Create(64, Ring::Setup::kBest);
  ASSERT_TRUE(best.ok()) << best.status();
  EXPECT_THAT(best->setup_description(), testing::StartsWith("64 entries, "));
  const auto minimal = Ring::Create(64, Ring::Setup::kMinimal);
  ASSERT_TRUE(minimal.ok()) << minimal.status();
  EXPECT_EQ(minimal->setup_description(), "64 entries, no flags");
}

TEST(RingTest, GivesOutAsManyEntriesAsItHas) {
  auto ring = Ring::Create(8, Ring::Setup::kBest);
  ASSERT_TRUE(ring.ok()) << ring.status();
  for (int i = 0; i < 8; ++i) {
    EXPECT_NE(ring->TakeEntry(), nullptr);
  }
  EXPECT_EQ(ring->TakeEntry(), nullptr);
}

TEST(RingTest, AWaitWithATimeoutEndsWithoutACompletion) {
  auto ring = Ring::Create(8, Ring::Setup::kBest);
  ASSERT_TRUE(ring.ok()) << ring.status();
  EXPECT_TRUE(ring->SubmitAndWait(1'000).ok());
  int count = 0;
  ring->TakeCompletions([&](uint64_t, int32_t) { ++count; });
  EXPECT_EQ(count, 0);
}

// The result of the one operation that `prepare` fills in.
template <typename Prepare>
int32_t ResultOf(Ring& ring, Prepare prepare) {
  io_uring_sqe* entry = ring.TakeEntry();
  prepare(entry);
  EXPECT_TRUE(ring.SubmitAndWait(std::nullopt).ok());
  int32_t answer = 0;
  ring.TakeCompletions([&](uint64_t, int32_t result) { answer = result; });
  return answer;
}

TEST(RingTest, RefusesOperationsThatTheLoopDoesNotUse) {
  for (const Ring::Setup setup : {Ring::Setup::kBest, Ring::Setup::kMinimal}) {
    auto ring = Ring::Create(8, setup);
    ASSERT_TRUE(ring.ok()) << ring.status();
    EXPECT_EQ(ResultOf(*ring, [](io_uring_sqe* entry) { io_uring_prep_nop(entry); }), -EACCES);
    EXPECT_EQ(ResultOf(*ring,
                       [](io_uring_sqe* entry) {
                         io_uring_prep_openat(entry, AT_FDCWD, "/", O_RDONLY, 0);
                       }),
              -EACCES);
    EXPECT_EQ(ResultOf(*ring,
                       [](io_uring_sqe* entry) {
                         io_uring_prep_poll_add(entry, 0, POLLIN);
                         entry->flags |= IOSQE_FIXED_FILE;
                       }),
              -EACCES);
    EXPECT_EQ(ResultOf(*ring, [](io_uring_sqe* entry) { io_uring_prep_poll_add(entry, -1, 0); }),
              -EBADF);
  }
}

TEST(RingTest, RefusesNoEntries) { EXPECT_FALSE(Ring::Create(0, Ring::Setup::kBest).ok()); }

// Makes io_uring_setup fail for this process as it does where the host has it switched off.
void DisableIoUring(uint32_t error) {
  std::array<sock_filter, 4> program = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter = {.len = program.size(), .filter = program.data()};
  EXPECT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  EXPECT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

// In a process of its own, which cannot get rid of the filter again. Exits with 0 when all is as it
// should be.
[[noreturn]] void CreateWithoutIoUring(uint32_t error) {
  DisableIoUring(error);
  const absl::Status status = Ring::Create(8, Ring::Setup::kBest).status();
  const bool is_good =
      status.code() == absl::StatusCode::kFailedPrecondition &&
      std::string(status.message()).find("io_uring is disabled on this host") != std::string::npos;
  _exit(is_good ? 0 : 1);
}

TEST(RingTest, SaysThatTheHostHasIoUringDisabled) {
  for (const uint32_t error : {uint32_t{EPERM}, uint32_t{ENOSYS}}) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      CreateWithoutIoUring(error);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "wait status " << status;
  }
}

}  // namespace
}  // namespace mayfly
