// PopulatedPages and WrittenSinceLoad: none too few for each kind of memory.

#include "snapshot/page_source.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/status.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_folder.h"
#include "tests/fakes/test_memory.h"
#include "tests/unit/snapshot/snapshot_memory.h"
#include "vmm/guest_ram.h"

namespace mayfly {
namespace {

using Pages = std::vector<uint64_t>;

void ExpectPages(const absl::StatusOr<PageSet>& pages, const Pages& expected) {
  ASSERT_TRUE(pages.ok()) << pages.status();
  EXPECT_EQ(Members(*pages), expected);
}

TEST(PageSourceTest, SharedMemoryIsWhatItsFileHas) {
  const GuestMemory memory = MakeSharedMemory(TwoRanges(64, 64));
  ExpectPages(PopulatedPages(memory), {});
  FillPage(memory, 0, 1);
  FillPage(memory, 63, 1);
  FillPage(memory, 64, 0);
  // Not through the mapping.
  ASSERT_EQ(pwrite(memory.fd(), "x", 1, 100 * kPage + 5), 1);
  ExpectPages(PopulatedPages(memory), {0, 63, 64, 100});
  ExpectPages(WrittenSinceLoad(memory), {0, 63, 64, 100});
}

TEST(PageSourceTest, SharedPagesThatAreNoLongerMappedCount) {
  const GuestMemory memory = MakeSharedMemory(TwoRanges(64, 64));
  FillPage(memory, 7, 1);
  ASSERT_EQ(madvise(memory.regions()[0].mapping.data(), 64 * kPage, MADV_DONTNEED), 0);
  ExpectPages(PopulatedPages(memory), {7});
}

TEST(PageSourceTest, AnonymousMemoryIsWhatWasTouched) {
  const GuestMemory memory = MakeTestMemory(TwoRanges(64, 64));
  FillPage(memory, 1, 1);
  FillPage(memory, 127, 1);
  ExpectPages(PopulatedPages(memory), {1, 127});
  ExpectPages(WrittenSinceLoad(memory), {1, 127});
}

TEST(PageSourceTest, AMappedFileIsItsDataAndTheCopies) {
  const TemporaryFolder folder;
  const std::string path = folder.PathOf("memory");
  WriteWholeFile(path, {});
  const OwnedFd file(open(path.c_str(), O_RDWR));
  ASSERT_EQ(ftruncate(file.get(), 128 * kPage), 0);
  const std::vector<uint8_t> page(kPage, 1);
  ASSERT_EQ(pwrite(file.get(), page.data(), kPage, 10 * kPage), ssize_t{kPage});
  ASSERT_EQ(pwrite(file.get(), page.data(), kPage, 90 * kPage), ssize_t{kPage});
  const GuestMemory memory = MapTestFile(path, TwoRanges(64, 64));
  ExpectPages(WrittenSinceLoad(memory), {});
  (void)ReadPage(memory, 10);
  (void)ReadPage(memory, 40);
  FillPage(memory, 90, 2);
  FillPage(memory, 30, 2);
  ExpectPages(PopulatedPages(memory), {10, 30, 90});
  ExpectPages(WrittenSinceLoad(memory), {30, 90});
}

TEST(PageSourceTest, TransparentHugePagesCountWhole) {
  const GuestMemory memory = MakeTestMemory(2048 * kPage);
  if (madvise(memory.regions()[0].mapping.data(), 2048 * kPage, MADV_HUGEPAGE) != 0) {
    GTEST_SKIP() << "this kernel has no transparent huge pages";
  }
  FillPage(memory, 1000, 1);
  const auto pages = PopulatedPages(memory);
  ASSERT_TRUE(pages.ok()) << pages.status();
  EXPECT_TRUE(pages->Contains(1000));
  EXPECT_TRUE(pages->Count() == 1 || pages->Count() == 512) << pages->Count();
}

TEST(PageSourceTest, HugetlbfsMemoryIsWhatWasTouched) {
  const auto memory = CreateGuestRam({.size_bytes = 1024 * kPage, .huge_pages = HugePages::k2M});
  if (!memory.ok()) {
    GTEST_SKIP() << memory.status();
  }
  FillPage(*memory, 600, 1);
  const auto pages = PopulatedPages(*memory);
  ASSERT_TRUE(pages.ok()) << pages.status();
  EXPECT_TRUE(pages->Contains(600));
  EXPECT_EQ(pages->NextRun(0), (PageRun{512, 512}));
}

TEST(PageSourceTest, SwappedPagesCount) {
  const GuestMemory memory = MakeTestMemory(64 * kPage);
  FillPage(memory, 9, 1);
  // Without a swap device the page stays.
  ASSERT_EQ(madvise(memory.regions()[0].mapping.data(), 64 * kPage, MADV_PAGEOUT), 0);
  ExpectPages(PopulatedPages(memory), {9});
}

TEST(PageSourceTest, OnlyTheHandlerKnowsWhatIsInUserfaultPages) {
  std::vector<GuestMemory::Region> regions;
  auto mapping = Mapping::Create({.size_bytes = 64 * kPage,
                                  .protection = PROT_READ | PROT_WRITE,
                                  .flags = MAP_PRIVATE | MAP_ANONYMOUS});
  ASSERT_TRUE(mapping.ok());
  regions.push_back({GuestAddress(0), *std::move(mapping), 0});
  const auto memory =
      GuestMemory::Create(std::move(regions), OwnedFd(), GuestMemory::Backing::kUserfault);
  ASSERT_TRUE(memory.ok()) << memory.status();
  FillPage(*memory, 3, 1);
  const auto all = PopulatedPages(*memory);
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->Count(), 64u);
  ExpectPages(WrittenSinceLoad(*memory), {3});
}

}  // namespace
}  // namespace mayfly
