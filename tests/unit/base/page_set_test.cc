// PageSet: members, runs and set operations at the borders of its words.

#include "base/page_set.h"

#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

std::vector<PageRun> Runs(const PageSet& pages, uint64_t max_count = UINT64_MAX) {
  std::vector<PageRun> runs;
  for (auto run = pages.NextRun(0, max_count); run;
       run = pages.NextRun(run->first + run->count, max_count)) {
    runs.push_back(*run);
  }
  return runs;
}

TEST(PageSetTest, AnEmptySetHasNoRun) {
  EXPECT_EQ(PageSet().NextRun(0), std::nullopt);
  EXPECT_EQ(PageSet(1000).NextRun(0), std::nullopt);
  EXPECT_EQ(PageSet(1000).Count(), 0u);
}

TEST(PageSetTest, RunsCrossWordsAndEndAtTheLastPage) {
  PageSet pages(130);
  pages.AddRun({60, 10});
  pages.AddRun({127, 3});
  pages.Add(0);
  EXPECT_EQ(Runs(pages), (std::vector<PageRun>{{0, 1}, {60, 10}, {127, 3}}));
  EXPECT_EQ(pages.Count(), 14u);
  EXPECT_TRUE(pages.Contains(69));
  EXPECT_FALSE(pages.Contains(70));
}

TEST(PageSetTest, AFullSetIsOneRun) {
  for (const uint64_t count : {1u, 63u, 64u, 65u, 128u, 1000u}) {
    PageSet pages(count);
    pages.AddRun({0, count});
    EXPECT_EQ(Runs(pages), (std::vector<PageRun>{{0, count}}));
    EXPECT_EQ(pages.Count(), count);
  }
}

TEST(PageSetTest, LongRunsAreCutWhenAsked) {
  PageSet pages(100);
  pages.AddRun({10, 25});
  EXPECT_EQ(Runs(pages, 10), (std::vector<PageRun>{{10, 10}, {20, 10}, {30, 5}}));
}

TEST(PageSetTest, BitmapBeginsAtItsFirstPageAndIsCutAtTheEnd) {
  PageSet pages(70);
  pages.AddBitmap(3, std::vector<uint64_t>{0b1001, ~uint64_t{0}});
  EXPECT_EQ(Runs(pages), (std::vector<PageRun>{{3, 1}, {6, 1}, {67, 3}}));
}

TEST(PageSetTest, AddsAndRemovesWholeSets) {
  PageSet pages(100);
  pages.AddRun({0, 50});
  PageSet other(100);
  other.AddRun({40, 20});
  PageSet both = pages;
  both.AddAll(other);
  EXPECT_EQ(Runs(both), (std::vector<PageRun>{{0, 60}}));
  both.RemoveAll(pages);
  EXPECT_EQ(Runs(both), (std::vector<PageRun>{{50, 10}}));
  both.Clear();
  EXPECT_EQ(both, PageSet(100));
}

TEST(PageSetTest, AgreesWithASetOfNumbers) {
  std::mt19937 random(7);
  PageSet pages(777);
  std::set<uint64_t> numbers;
  for (int i = 0; i < 200; ++i) {
    const uint64_t first = random() % 777;
    const uint64_t count = random() % (777 - first) % 9;
    pages.AddRun({first, count});
    for (uint64_t page = first; page < first + count; ++page) {
      numbers.insert(page);
    }
  }
  std::set<uint64_t> seen;
  for (const PageRun& run : Runs(pages)) {
    for (uint64_t page = run.first; page < run.first + run.count; ++page) {
      seen.insert(page);
    }
    EXPECT_FALSE(run.first + run.count < 777 && pages.Contains(run.first + run.count));
  }
  EXPECT_EQ(seen, numbers);
  EXPECT_EQ(pages.Count(), numbers.size());
}

}  // namespace
}  // namespace mayfly
