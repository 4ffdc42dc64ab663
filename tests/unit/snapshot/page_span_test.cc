// PageSpan: runs inside regions and across their borders.

#include "snapshot/page_span.h"

#include "gtest/gtest.h"
#include "tests/fakes/test_memory.h"

namespace mayfly {
namespace {

TEST(PageSpanTest, EndsWithTheRegion) {
  const GuestMemory memory =
      MakeTestMemory({{GuestAddress(0), 4 * 4096}, {GuestAddress(1 << 20), 2 * 4096}});
  const uint8_t* first = memory.regions()[0].mapping.data();
  const uint8_t* second = memory.regions()[1].mapping.data();
  EXPECT_EQ(PageSpan(memory, {1, 2}).data(), first + 4096);
  EXPECT_EQ(PageSpan(memory, {1, 2}).size(), 2u * 4096);
  EXPECT_EQ(PageSpan(memory, {3, 2}).data(), first + size_t{3} * 4096);
  EXPECT_EQ(PageSpan(memory, {3, 2}).size(), 4096u);
  EXPECT_EQ(PageSpan(memory, {4, 2}).data(), second);
  EXPECT_EQ(PageSpan(memory, {4, 2}).size(), 2u * 4096);
}

}  // namespace
}  // namespace mayfly
