// LoopSignal: a coalescing wake-up of the event loop from any thread.

#ifndef MAYFLY_BASE_LOOP_SIGNAL_H_
#define MAYFLY_BASE_LOOP_SIGNAL_H_

#include <atomic>

#include "absl/functional/any_invocable.h"
#include "base/intrusive_list.h"
#include "base/recurring_callback.h"

namespace mayfly {

class EventLoop;
class LoopWaker;

// The waker's list of all its signals, raised or not.
struct SignalTag;

// Made and destroyed on the loop thread, by the owner of what it announces. No other thread raises
// it any more when it, or the loop, is destroyed. After the loop's end raising does nothing.
class LoopSignal : private ListLink<SignalTag> {
 public:
  LoopSignal(EventLoop* loop, absl::AnyInvocable<void()> callback);
  LoopSignal(const LoopSignal&) = delete;
  LoopSignal& operator=(const LoopSignal&) = delete;
  ~LoopSignal();

  // Makes the callback run on the loop: once for any number of raises before it starts, and again
  // for one that comes later. What the raising thread wrote before is visible to the callback. Any
  // thread, vCPU threads and signal handlers included: no lock, no allocation, and a system call
  // only when the loop sleeps.
  void Raise();

 private:
  template <typename T, typename Tag>
  friend class IntrusiveList;
  friend class LoopWaker;

  // Null when the loop is gone.
  LoopWaker* waker_;
  RecurringCallback<> callback_;
  // True from Raise until the callback is about to run.
  std::atomic<bool> is_raised_{false};
  // The next signal in the waker's stack of raised ones, or in its list of those about to run.
  LoopSignal* next_ = nullptr;
};

// The signals raised and not yet run, and the eventfd that ends the loop's sleep. Owned by
// EventLoop.
class LoopWaker {
 public:
  // `event_fd` is not owned.
  explicit LoopWaker(int event_fd) : event_fd_(event_fd) {}
  LoopWaker(const LoopWaker&) = delete;
  LoopWaker& operator=(const LoopWaker&) = delete;
  // Detaches every signal.
  ~LoopWaker();

  // Loop thread: whether a signal was raised that has not run.
  bool HasRaised() const { return raised_.load(std::memory_order_relaxed) != nullptr; }

  // Loop thread: call before sleeping. False when signals are raised; the loop must not sleep then.
  bool PrepareSleep();
  // Loop thread: call after sleeping.
  void EndSleep();

  // Loop thread: runs the callbacks of the signals raised so far. One that a callback raises waits
  // for the next call.
  void RunRaised();

 private:
  friend class LoopSignal;

  // Any thread.
  void Push(LoopSignal* signal);
  // Loop thread: moves the raised signals to the end of running_, oldest first.
  void TakeRaised();
  // Loop thread: takes `signal` out of every list.
  void Remove(LoopSignal* signal);

  const int event_fd_;
  std::atomic<bool> is_sleeping_{false};
  std::atomic<LoopSignal*> raised_{nullptr};
  // Loop thread only.
  IntrusiveList<LoopSignal, SignalTag> signals_;
  LoopSignal* running_ = nullptr;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_LOOP_SIGNAL_H_
