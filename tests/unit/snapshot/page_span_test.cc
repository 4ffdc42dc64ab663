// PageSpan: runs inside regions and across their borders.

#include "snapshot/page_span.h"

#include "gtest/gtest.h"
#include "tests/fakes/test_memory.h"

namespace mayfly {
namespace {

constexpr uint64_t kPage = PageSet::kPageBytes;

TEST(PageSpanTest, EndsWithTheRegion) {
  const GuestMemory memory =
      MakeTestMemory({{GuestAddress(0), 4 * kPage}, {GuestAddress(1 << 20), 2 * kPage}});
  const uint8_t* first = memory.regions()[0].mapping.data();
  const uint8_t* second = memory.regions()[1].mapping.data();
  EXPECT_EQ(PageSpan(memory, {1, 2}).data(), first + kPage);
  EXPECT_EQ(PageSpan(memory, {1, 2}).size(), 2 * kPage);
  EXPECT_EQ(PageSpan(memory, {3, 2}).data(), first + 3 * kPage);
  EXPECT_EQ(PageSpan(memory, {3, 2}).size(), kPage);
  EXPECT_EQ(PageSpan(memory, {4, 2}).data(), second);
  EXPECT_EQ(PageSpan(memory, {4, 2}).size(), 2 * kPage);
}

}  // namespace
}  // namespace mayfly
