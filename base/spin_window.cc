// Backs off where spinning finds nothing.

#include "base/spin_window.h"

#include <algorithm>

namespace mayfly {
namespace {

// A short sleep brings the next look nearer by this many sleeps.
constexpr uint32_t kShortSleepWorth = 8;

}  // namespace

int64_t SpinWindow::NextUs() {
  if (max_us_ == 0) {
    return 0;
  }
  if (pause_left_ > 0) {
    --pause_left_;
    return 0;
  }
  return max_us_;
}

void SpinWindow::OnVain() {
  pause_ = std::clamp<uint32_t>(pause_ * 2, 1, kMaxPause);
  pause_left_ = pause_;
}

// The time asleep has the waking up in it, which looking saves; that is allowed for.
void SpinWindow::OnSlept(int64_t slept_us) {
  if (slept_us <= max_us_ * 4) {
    pause_left_ -= std::min(pause_left_, kShortSleepWorth - 1);
  }
}

}  // namespace mayfly
