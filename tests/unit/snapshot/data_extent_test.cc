// NextDataExtent: data, holes and ends of sparse files.

#include "snapshot/data_extent.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/owned_fd.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

constexpr uint64_t kPage = 4096;

TEST(DataExtentTest, FindsDataBetweenHoles) {
  const OwnedFd file(memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(file.get(), 16 * kPage), 0);
  ASSERT_EQ(pwrite(file.get(), "x", 1, 3 * kPage), 1);
  ASSERT_EQ(pwrite(file.get(), "x", 1, 4 * kPage), 1);
  ASSERT_EQ(pwrite(file.get(), "x", 1, 9 * kPage), 1);
  using Extent = std::optional<DataExtent>;
  EXPECT_EQ(*NextDataExtent(file.get(), 0, 16 * kPage), Extent({3 * kPage, 2 * kPage}));
  EXPECT_EQ(*NextDataExtent(file.get(), 4 * kPage, 16 * kPage), Extent({4 * kPage, kPage}));
  EXPECT_EQ(*NextDataExtent(file.get(), 5 * kPage, 16 * kPage), Extent({9 * kPage, kPage}));
  EXPECT_EQ(*NextDataExtent(file.get(), 10 * kPage, 16 * kPage), std::nullopt);
  EXPECT_EQ(*NextDataExtent(file.get(), 0, 4 * kPage), Extent({3 * kPage, kPage})) << "cut";
  EXPECT_EQ(*NextDataExtent(file.get(), 0, 2 * kPage), std::nullopt) << "past the end asked for";
  EXPECT_EQ(*NextDataExtent(file.get(), 20 * kPage, 30 * kPage), std::nullopt) << "past the file";
  EXPECT_EQ(*NextDataExtent(file.get(), 5, 5), std::nullopt);
}

TEST(DataExtentTest, NamesTheCallThatFails) {
  EXPECT_EQ(NextDataExtent(-1, 0, 1).status().message(), "lseek: Bad file descriptor");
}

}  // namespace
}  // namespace mayfly
