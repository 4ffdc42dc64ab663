// Records and formats phases.

#include "base/phase_timeline.h"

#include "absl/strings/str_format.h"

namespace mayfly {

void PhaseTimeline::MarkAt(absl::string_view name, int64_t end_us) {
  if (count_ == kMaxPhases) {
    phases_.back().end_us = end_us;
    return;
  }
  phases_[count_++] = {name, end_us};
}

std::string PhaseTimeline::Format() const {
  std::string table;
  int64_t previous_us = start_us_;
  const auto add_row = [&table](absl::string_view name, int64_t duration_us) {
    absl::StrAppendFormat(&table, "%-28s %8d us\n", name, duration_us);
  };
  for (const Phase& phase : phases()) {
    add_row(phase.name, phase.end_us - previous_us);
    previous_us = phase.end_us;
  }
  add_row("total", previous_us - start_us_);
  return table;
}

}  // namespace mayfly
