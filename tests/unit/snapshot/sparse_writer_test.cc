// SparseWriter: what becomes of pages of zeros.

#include "snapshot/sparse_writer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/owned_fd.h"
#include "gtest/gtest.h"
#include "snapshot/data_extent.h"

namespace mayfly {
namespace {

using Bytes = std::vector<uint8_t>;
using Extents = std::vector<DataExtent>;
using ZeroPages = SparseWriter::ZeroPages;

constexpr size_t kPage = 4096;
constexpr size_t kFileBytes = 8 * kPage;

class SparseWriterTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(ftruncate(file_.get(), kFileBytes), 0); }

  void FillFile() {
    const Bytes ones(kFileBytes, 0xff);
    ASSERT_EQ(pwrite(file_.get(), ones.data(), ones.size(), 0), ssize_t{kFileBytes});
  }

  Bytes Contents() {
    Bytes bytes(kFileBytes);
    EXPECT_EQ(pread(file_.get(), bytes.data(), bytes.size(), 0), ssize_t{kFileBytes});
    return bytes;
  }

  Extents Data() {
    Extents extents;
    uint64_t from = 0;
    while (const auto extent = *NextDataExtent(file_.get(), from, kFileBytes)) {
      extents.push_back(*extent);
      from = extent->offset_bytes + extent->size_bytes;
    }
    return extents;
  }

  // Six pages: data, zero, zero, data with one byte at its end, data with one in front, zero.
  static Bytes Pages() {
    Bytes pages(6 * kPage);
    std::fill_n(pages.begin(), kPage, 7);
    pages[4 * kPage - 1] = 1;
    pages[4 * kPage] = 1;
    return pages;
  }

  OwnedFd file_{memfd_create("test", MFD_CLOEXEC)};
};

TEST_F(SparseWriterTest, LeavesZeroPagesOut) {
  SparseWriter writer(file_.get(), ZeroPages::kLeaveOut);
  ASSERT_TRUE(writer.Write(kPage, Pages()).ok());
  EXPECT_EQ(Data(), (Extents{{kPage, kPage}, {4 * kPage, 2 * kPage}}));
  EXPECT_EQ(writer.written_bytes(), 3 * kPage);
  const Bytes contents = Contents();
  const Bytes pages = Pages();
  EXPECT_TRUE(std::equal(pages.begin(), pages.end(), contents.begin() + kPage));
}

TEST_F(SparseWriterTest, WritesZeroPagesAsData) {
  SparseWriter writer(file_.get(), ZeroPages::kWrite);
  ASSERT_TRUE(writer.Write(kPage, Pages()).ok());
  EXPECT_EQ(Data(), (Extents{{kPage, 6 * kPage}}));
  EXPECT_EQ(writer.written_bytes(), 6 * kPage);
}

TEST_F(SparseWriterTest, PunchesHolesForZeroPages) {
  FillFile();
  SparseWriter writer(file_.get(), ZeroPages::kPunch);
  ASSERT_TRUE(writer.Write(kPage, Pages()).ok());
  EXPECT_EQ(Data(), (Extents{{0, 2 * kPage}, {4 * kPage, 2 * kPage}, {7 * kPage, kPage}}));
  Bytes expected(kFileBytes, 0xff);
  const Bytes pages = Pages();
  std::copy(pages.begin(), pages.end(), expected.begin() + kPage);
  EXPECT_EQ(Contents(), expected);
}

TEST_F(SparseWriterTest, TakesPiecesThatAreNoWholePages) {
  FillFile();
  SparseWriter writer(file_.get(), ZeroPages::kPunch);
  ASSERT_TRUE(writer.Write(5, Bytes(3)).ok());
  ASSERT_TRUE(writer.Write(kPage + 5, Bytes(kPage + 100)).ok());
  Bytes expected(kFileBytes, 0xff);
  std::fill_n(expected.begin() + 5, 3, 0);
  std::fill_n(expected.begin() + kPage + 5, kPage + 100, 0);
  EXPECT_EQ(Contents(), expected);
}

TEST_F(SparseWriterTest, EveryByteOfAPageCounts) {
  for (size_t i = 0; i < kPage; i += 61) {
    Bytes page(kPage);
    page[i] = 1;
    SparseWriter writer(file_.get(), ZeroPages::kLeaveOut);
    ASSERT_TRUE(writer.Write(0, page).ok());
    EXPECT_EQ(writer.written_bytes(), kPage) << i;
  }
}

TEST(SparseWriterErrorTest, NamesTheCall) {
  SparseWriter data(-1, ZeroPages::kLeaveOut);
  EXPECT_EQ(data.Write(0, Bytes(1, 1)).message(), "write: Bad file descriptor");
  SparseWriter zeros(-1, ZeroPages::kPunch);
  EXPECT_EQ(zeros.Write(0, Bytes(1)).message(), "fallocate: Bad file descriptor");
}

}  // namespace
}  // namespace mayfly
