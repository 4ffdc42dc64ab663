// PhaseTimeline: durations, total and the limit.

#include "base/phase_timeline.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(PhaseTimelineTest, FormatsEachPhaseAndTheTotal) {
  PhaseTimeline timeline(1000);
  timeline.MarkAt("open files", 1010);
  timeline.MarkAt("KVM_CREATE_VM", 1200);
  EXPECT_EQ(timeline.Format(),
            "open files                         10 us\n"
            "KVM_CREATE_VM                     190 us\n"
            "total                             200 us\n");
}

TEST(PhaseTimelineTest, MoreMarksThanFitExtendTheLast) {
  PhaseTimeline timeline(0);
  for (int i = 1; i <= 30; ++i) {
    timeline.MarkAt("phase", i);
  }
  EXPECT_EQ(timeline.phases().size(), PhaseTimeline::kMaxPhases);
  EXPECT_THAT(timeline.Format(), testing::HasSubstr("total                              30 us"));
}

}  // namespace
}  // namespace mayfly
