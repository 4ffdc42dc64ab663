// Timer: a one-shot timer of the event loop.

#ifndef MAYFLY_BASE_TIMER_H_
#define MAYFLY_BASE_TIMER_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "base/intrusive_list.h"
#include "base/recurring_callback.h"

namespace mayfly {

class EventLoop;
class TimerQueue;

// The queue's list of all its timers, set or not.
struct TimerTag;

// A member of its owner; loop thread only. Setting and cancelling neither allocate (once warm) nor
// call the kernel. Timers run in the order of their deadlines, equal ones in the order they were
// set.
//
//   Timer retry_{loop, [this] { Retry(); }};
//   retry_.Set(MonotonicTimeUs() + 10'000);
class Timer : private ListLink<TimerTag> {
 public:
  // `loop` outlives the timer, or is destroyed first: then the timer never runs again.
  Timer(EventLoop* loop, absl::AnyInvocable<void()> callback);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  // Cancels. Allowed inside its own callback.
  ~Timer();

  // Runs the callback once, on the loop, at or after `deadline_us` of MonotonicTimeUs(). Replaces
  // an earlier deadline. Allowed inside its own callback.
  void Set(int64_t deadline_us);
  // The callback does not run after this, even when the deadline has passed.
  void Cancel();

  bool is_set() const { return index_ != kNotSet; }

 private:
  template <typename T, typename Tag>
  friend class IntrusiveList;
  friend class TimerQueue;
  static constexpr size_t kNotSet = std::numeric_limits<size_t>::max();

  // Null when the loop is gone.
  TimerQueue* queue_;
  RecurringCallback<> callback_;
  int64_t deadline_us_ = 0;
  uint64_t sequence_ = 0;
  // Where in the queue's heap.
  size_t index_ = kNotSet;
};

// The timers that are set, earliest first: a binary heap. Owned by EventLoop; loop thread only.
class TimerQueue {
 public:
  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;
  // Cancels and detaches every timer.
  ~TimerQueue();

  // The earliest deadline, or nothing when no timer is set.
  std::optional<int64_t> NextDeadlineUs() const;
  // Runs the timers whose deadline is `now_us` or earlier. One that a callback sets waits for the
  // next call.
  void RunDue(int64_t now_us);

 private:
  friend class Timer;

  void Insert(Timer* timer);
  void Remove(Timer* timer);
  void Place(Timer* timer, size_t index);
  void SiftUp(size_t index);
  void SiftDown(size_t index);
  static bool IsEarlier(const Timer& a, const Timer& b);

  IntrusiveList<Timer, TimerTag> timers_;
  std::vector<Timer*> heap_;
  uint64_t next_sequence_ = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_TIMER_H_
