// Prefetcher: populates what it was told and nothing else, and can be stopped at any time.

#include "snapshot/prefetcher.h"

#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <optional>

#include "gtest/gtest.h"
#include "snapshot/page_map.h"
#include "tests/fakes/temporary_folder.h"
#include "tests/unit/base/loop_fixture.h"
#include "tests/unit/snapshot/snapshot_memory.h"

namespace mayfly {
namespace {

constexpr uint64_t kPageCount = 4096;

class PrefetcherTest : public LoopTest {
 protected:
  void SetUp() override {
    LoopTest::SetUp();
    WriteWholeFile(path_, std::vector<uint8_t>(kPageCount * kPage, 7));
    memory_ = MapTestFile(path_, TwoRanges(4000, 96));
    set_ = {PageSet(kPageCount), PageSet(kPageCount)};
  }

  // How many pages were populated; nothing when the kernel cannot populate.
  std::optional<uint64_t> Prefetch() {
    std::optional<absl::Status> status;
    Prefetcher prefetcher(loop.get(), &memory_, set_);
    prefetcher.Start([&](const absl::Status& end) { status = end; });
    EXPECT_FALSE(status.has_value()) << "not inside Start";
    RunUntil([&] { return status.has_value(); });
    if (status->code() == absl::StatusCode::kUnimplemented) {
      return std::nullopt;
    }
    EXPECT_TRUE(status->ok()) << *status;
    return prefetcher.populated_page_count();
  }

  PageMap Map() { return **PageMap::Read(memory_); }

  TemporaryFolder folder_;
  const std::string path_ = folder_.PathOf("memory");
  GuestMemory memory_;
  WorkingSet set_;
};

INSTANTIATE_TEST_SUITE_P(Setups, PrefetcherTest,
                         testing::Values(Ring::Setup::kBest, Ring::Setup::kMinimal), SetupName);

TEST_P(PrefetcherTest, PopulatesReadAndWrittenPagesInBothRegions) {
  set_.read.AddRun({0, 700});
  set_.read.AddRun({3990, 20});
  set_.written.AddRun({700, 300});
  set_.written.Add(4095);
  const auto count = Prefetch();
  if (!count) {
    GTEST_SKIP() << "this kernel has no MADV_POPULATE_READ";
  }
  EXPECT_EQ(*count, set_.read.Count() + set_.written.Count());
  const PageMap map = Map();
  EXPECT_EQ(map.own, set_.written);
  PageSet missing = set_.read;
  missing.RemoveAll(map.of_file);
  EXPECT_EQ(missing.Count(), 0u);
  // The kernel may map the neighbours of the pages that it reads, up to 2 MiB of them.
  EXPECT_GE(map.of_file.NextRun(1024)->first, 3072u);
  EXPECT_EQ(AllBytes(memory_), ReadWholeFile(path_));
}

TEST_P(PrefetcherTest, CopiesNoMoreThanWasWrittenAmongPagesThatWereRead) {
  for (uint64_t page = 0; page < 1200; page += 12) {
    set_.written.Add(page);
    set_.read.AddRun({page + 1, 3});
  }
  if (!Prefetch()) {
    GTEST_SKIP() << "this kernel has no MADV_POPULATE_READ";
  }
  const PageMap map = Map();
  EXPECT_EQ(map.own, set_.written);
  PageSet missing = set_.read;
  missing.RemoveAll(map.of_file);
  EXPECT_EQ(missing.Count(), 0u);
}

TEST_P(PrefetcherTest, FillsSmallGapsBetweenWrittenPages) {
  set_.written.AddRun({100, 2});
  set_.written.AddRun({104, 2});
  set_.written.Add(108);
  if (!Prefetch()) {
    GTEST_SKIP() << "this kernel has no MADV_POPULATE_READ";
  }
  PageSet copied(kPageCount);
  copied.AddRun({100, 6});
  copied.Add(108);
  EXPECT_EQ(Map().own, copied);
}

TEST_P(PrefetcherTest, AnEmptySetEndsAtOnce) {
  EXPECT_EQ(Prefetch(), 0u);
  EXPECT_EQ(Map().of_file.Count(), 0u);
}

TEST_P(PrefetcherTest, PagesTheGuestHasAlreadyWrittenStay) {
  FillPage(memory_, 5, 1);
  FillPage(memory_, 6, 1);
  set_.read.Add(5);
  set_.written.Add(6);
  (void)Prefetch();
  EXPECT_EQ(ReadPage(memory_, 5), 1);
  EXPECT_EQ(ReadPage(memory_, 6), 1);
}

TEST_P(PrefetcherTest, DestroyingStops) {
  set_.written.AddRun({0, kPageCount});
  auto prefetcher = std::make_unique<Prefetcher>(loop.get(), &memory_, set_);
  prefetcher->Start([](const absl::Status&) { FAIL() << "it was destroyed"; });
  RunUntil([&] { return prefetcher->populated_page_count() > 0; });
  prefetcher.reset();
  const uint64_t count = Map().own.Count();
  RunFor(2000);
  EXPECT_EQ(Map().own.Count(), count);
}

TEST_P(PrefetcherTest, TheEndMayDestroyIt) {
  set_.read.AddRun({0, 600});
  auto prefetcher = std::make_unique<Prefetcher>(loop.get(), &memory_, set_);
  prefetcher->Start([&](const absl::Status&) { prefetcher.reset(); });
  RunUntil([&] { return prefetcher == nullptr; });
}

TEST_P(PrefetcherTest, AShortenedFileIsAnErrorAndNoSignal) {
  set_.read.AddRun({0, kPageCount});
  ASSERT_EQ(truncate(path_.c_str(), 1024 * kPage), 0);
  std::optional<absl::Status> status;
  Prefetcher prefetcher(loop.get(), &memory_, set_);
  prefetcher.Start([&](const absl::Status& end) { status = end; });
  RunUntil([&] { return status.has_value(); });
  EXPECT_FALSE(status->ok());
  EXPECT_LE(prefetcher.populated_page_count(), 1024u);
}

}  // namespace
}  // namespace mayfly
