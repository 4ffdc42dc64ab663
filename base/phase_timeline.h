// PhaseTimeline: how long each phase of a start took.

#ifndef MAYFLY_BASE_PHASE_TIMELINE_H_
#define MAYFLY_BASE_PHASE_TIMELINE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/strings/string_view.h"
#include "base/clock.h"

namespace mayfly {

// A sequence of named phases, each from the mark before it to its own. Filled on one thread,
// without allocating.
//
//   PhaseTimeline timeline(MonotonicTimeUs());
//   OpenFiles();
//   timeline.Mark("open files");
class PhaseTimeline {
 public:
  static constexpr size_t kMaxPhases = 24;

  struct Phase {
    absl::string_view name;  // a literal
    int64_t end_us = 0;      // CLOCK_MONOTONIC
  };

  explicit PhaseTimeline(int64_t start_us) : start_us_(start_us) {}

  // Ends the phase called `name`, a string literal, now. Marks past kMaxPhases are counted in the
  // last phase.
  void Mark(absl::string_view name) { MarkAt(name, MonotonicTimeUs()); }
  void MarkAt(absl::string_view name, int64_t end_us);

  int64_t start_us() const { return start_us_; }
  std::span<const Phase> phases() const { return {phases_.data(), count_}; }

  // A table in microseconds with a line per phase and the total.
  std::string Format() const;

 private:
  int64_t start_us_;
  std::array<Phase, kMaxPhases> phases_{};
  size_t count_ = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_PHASE_TIMELINE_H_
