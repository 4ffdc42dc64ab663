// SpinWindow: how long it pays to look for work before sleeping, learnt from how it went.

#ifndef MAYFLY_BASE_SPIN_WINDOW_H_
#define MAYFLY_BASE_SPIN_WINDOW_H_

#include <cstdint>

namespace mayfly {

// Falling asleep and being woken costs microseconds on both sides, tens of them on some hosts; work
// that comes sooner than that is better waited for awake. Looking in vain costs the host a core for
// that long, so after vain tries it is tried ever more rarely: an idle or slow guest costs one look
// in kMaxPause sleeps.
//
// A plain value of the loop; pure, so that it can be tested without time.
class SpinWindow {
 public:
  // Of sleeps: how many go by without a look, at most.
  static constexpr uint32_t kMaxPause = 1024;

  // `max_us` 0: never spin.
  explicit SpinWindow(int64_t max_us) : max_us_(max_us) {}

  // How long to look now, in microseconds; 0 for not at all. Call once before each sleep.
  int64_t NextUs();
  // After a look that found something, or when there was something before it came to that.
  void OnFound() { pause_ = pause_left_ = 0; }
  void OnVain();
  // After a sleep of this length: one so short that looking might have found what ended it brings
  // the next look nearer.
  void OnSlept(int64_t slept_us);

 private:
  int64_t max_us_;
  // Sleeps that go by before the next look, and how many of them are left.
  uint32_t pause_ = 0;
  uint32_t pause_left_ = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_SPIN_WINDOW_H_
