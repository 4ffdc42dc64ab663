// SystemTableArea: places, alignment and the end.

#include "vmm/system_table_area.h"

#include "gtest/gtest.h"

namespace mayfly {
namespace {

constexpr uint64_t kAreaBytes = layout::kSystemTablesEnd.value() - layout::kSystemTables.value();

TEST(SystemTableAreaTest, HandsOutAlignedPlacesBottomUp) {
  SystemTableArea area;
  EXPECT_EQ(*area.Allocate(5, 1), layout::kSystemTables);
  EXPECT_EQ(*area.Allocate(1, 16), GuestAddress(layout::kSystemTables.value() + 16));
  EXPECT_EQ(*area.Allocate(1, 1), GuestAddress(layout::kSystemTables.value() + 17));
}

TEST(SystemTableAreaTest, EndsWhereVmClockIs) {
  static_assert(layout::kSystemTablesEnd == layout::kVmClock);
  SystemTableArea area;
  EXPECT_EQ(area.Allocate(kAreaBytes + 1, 1).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(area.Allocate(UINT64_MAX, 1).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(area.Allocate(kAreaBytes, 1).ok());
  EXPECT_EQ(area.Allocate(1, 1).status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace mayfly
