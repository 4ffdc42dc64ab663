// FullWrite: places, limits and errors.

#include "snapshot/full_write.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <csignal>
#include <vector>

#include "base/owned_fd.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

TEST(FullWriteTest, WritesAtTheOffset) {
  const TemporaryFolder folder;
  WriteWholeFile(folder.PathOf("file"), {1, 2, 3, 4});
  const auto fd = OwnedFd::Open(folder.PathOf("file").c_str(), O_RDWR);
  ASSERT_TRUE(fd.ok()) << fd.status();
  const std::vector<uint8_t> bytes{8, 9};
  EXPECT_TRUE(FullWrite(fd->get(), bytes, 1).ok());
  EXPECT_EQ(ReadWholeFile(folder.PathOf("file")), (std::vector<uint8_t>{1, 8, 9, 4}));
}

// The kernel writes up to the limit first, then fails.
TEST(FullWriteTest, FailsAtTheFileSizeLimit) {
  const TemporaryFolder folder;
  WriteWholeFile(folder.PathOf("file"), {});
  const auto fd = OwnedFd::Open(folder.PathOf("file").c_str(), O_RDWR);
  ASSERT_TRUE(fd.ok()) << fd.status();
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  struct rlimit saved = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &saved), 0);
  const struct rlimit low = {.rlim_cur = 4096, .rlim_max = saved.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &low), 0);
  const absl::Status status = FullWrite(fd->get(), std::vector<uint8_t>(5000, 1), 0);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &saved), 0);
  (void)signal(SIGXFSZ, old_handler);
  EXPECT_EQ(status.message(), "write: File too large");
  EXPECT_EQ(ReadWholeFile(folder.PathOf("file")).size(), 4096u);
}

TEST(FullWriteTest, NamesTheError) {
  EXPECT_EQ(FullWrite(-1, std::vector<uint8_t>(1), 0).message(), "write: Bad file descriptor");
}

}  // namespace
}  // namespace mayfly
