// OwnedFd: one owner, closed once.

#include "base/owned_fd.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

TEST(OwnedFdTest, ClosesOnDestruction) {
  int number = -1;
  {
    const auto fd = OwnedFd::Open("/dev/null", O_RDONLY);
    ASSERT_TRUE(fd.ok()) << fd.status();
    number = fd->get();
    EXPECT_TRUE(IsOpen(number));
    EXPECT_NE(fcntl(number, F_GETFD) & FD_CLOEXEC, 0);
  }
  EXPECT_FALSE(IsOpen(number));
}

TEST(OwnedFdTest, MovesAndReleases) {
  OwnedFd a(dup(STDERR_FILENO));
  const int number = a.get();
  OwnedFd b(std::move(a));
  EXPECT_EQ(b.get(), number);
  OwnedFd c;
  EXPECT_FALSE(c.is_open());
  c = std::move(b);
  EXPECT_EQ(c.Release(), number);
  EXPECT_FALSE(c.is_open());
  EXPECT_TRUE(IsOpen(number));
  close(number);
}

TEST(OwnedFdTest, OpenErrorNamesThePath) {
  EXPECT_EQ(OwnedFd::Open("/nonexistent", O_RDONLY).status().message(),
            "open /nonexistent: No such file or directory");
}

TEST(OwnedFdTest, EventFdStartsEmptyAndDoesNotBlock) {
  const auto fd = CreateEventFd();
  ASSERT_TRUE(fd.ok()) << fd.status();
  uint64_t count = 0;
  EXPECT_LT(read(fd->get(), &count, sizeof(count)), 0);
}

TEST(OwnedFdTest, ADuplicateIsAnotherDescriptorOfTheSameFile) {
  auto fd = OwnedFd::Open("/dev/null", O_RDONLY);
  ASSERT_TRUE(fd.ok());
  const auto copy = fd->Duplicate();
  ASSERT_TRUE(copy.ok());
  EXPECT_NE(copy->get(), fd->get());
  fd->Close();
  EXPECT_NE(fcntl(copy->get(), F_GETFD) & FD_CLOEXEC, 0);
  const auto nothing = OwnedFd().Duplicate();
  ASSERT_TRUE(nothing.ok());
  EXPECT_FALSE(nothing->is_open());
}

}  // namespace
}  // namespace mayfly
