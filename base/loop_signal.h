// LoopSignal: a coalescing wake-up of the event loop from any thread.

#ifndef MAYFLY_BASE_LOOP_SIGNAL_H_
#define MAYFLY_BASE_LOOP_SIGNAL_H_

#include <atomic>

#include "absl/functional/any_invocable.h"

namespace mayfly {

class EventLoop;
class LoopWaker;

// Made and destroyed on the loop thread, by the owner of what it announces. No thread raises it any
// more when it is destroyed; the loop outlives it, or is destroyed first and then raising does
// nothing.
class LoopSignal {
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
  friend class LoopWaker;

  std::atomic<LoopWaker*> waker_;
  absl::AnyInvocable<void()> callback_;
  // True from Raise until the callback is about to run.
  std::atomic<bool> is_raised_{false};
  // The next signal in the waker's stack of raised ones, or in its list of those about to run.
  LoopSignal* next_ = nullptr;
  // Where RunRaised learns that the signal was destroyed in its own callback; null outside of it.
  bool* destroyed_ = nullptr;
};

// The signals raised and not yet run, and the eventfd that ends the loop's sleep. Owned by
// EventLoop.
class LoopWaker {
 public:
  // `event_fd` is not owned.
  explicit LoopWaker(int event_fd) : event_fd_(event_fd) {}
  LoopWaker(const LoopWaker&) = delete;
  LoopWaker& operator=(const LoopWaker&) = delete;

  // Loop thread: call before sleeping. False when signals are raised; the loop must not sleep then.
  bool PrepareSleep();
  // Loop thread: call after sleeping.
  void EndSleep();

  // Loop thread: runs the callbacks of the signals raised before this call. Returns whether there
  // was one.
  bool RunRaised();

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
  LoopSignal* running_ = nullptr;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_LOOP_SIGNAL_H_
