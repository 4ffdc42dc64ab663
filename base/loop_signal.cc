// Wake-ups from other threads: a lock-free stack of raised signals and one eventfd.

#include "base/loop_signal.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/event_loop.h"

namespace mayfly {

LoopSignal::LoopSignal(EventLoop* loop, absl::AnyInvocable<void()> callback)
    : waker_(&loop->waker_), callback_(std::move(callback)) {
  loop->CheckThread();
  waker_->signals_.PushBack(this);
}

LoopSignal::~LoopSignal() {
  if (waker_ != nullptr) {
    waker_->Remove(this);
  }
}

void LoopSignal::Raise() {
  if (waker_ != nullptr && !is_raised_.exchange(true)) {
    waker_->Push(this);
  }
}

LoopWaker::~LoopWaker() {
  while (LoopSignal* signal = signals_.PopFront()) {
    signal->waker_ = nullptr;
  }
}

// Either the loop sees the signal in PrepareSleep, or this thread sees that the loop sleeps: both
// sides write their own variable before they read the other's, in the one order of sequentially
// consistent operations.
bool LoopWaker::PrepareSleep() {
  is_sleeping_.store(true);
  if (raised_.load() == nullptr) {
    return true;
  }
  is_sleeping_.store(false);
  return false;
}

void LoopWaker::EndSleep() { is_sleeping_.store(false); }

void LoopWaker::Push(LoopSignal* signal) {
  LoopSignal* top = raised_.load();
  do {
    signal->next_ = top;
  } while (!raised_.compare_exchange_weak(top, signal));
  if (is_sleeping_.exchange(false)) {
    const int saved_errno = errno;  // this may be a signal handler
    // Cannot fail: the counter would have to be near 2^64.
    (void)eventfd_write(event_fd_, 1);
    errno = saved_errno;
  }
}

void LoopWaker::TakeRaised() {
  LoopSignal* oldest_first = nullptr;
  for (LoopSignal* signal = raised_.exchange(nullptr); signal != nullptr;) {
    LoopSignal* next = std::exchange(signal->next_, oldest_first);
    oldest_first = std::exchange(signal, next);
  }
  LoopSignal** end = &running_;
  while (*end != nullptr) {
    end = &(*end)->next_;
  }
  *end = oldest_first;
}

void LoopWaker::RunRaised() {
  TakeRaised();
  while (running_ != nullptr) {
    LoopSignal* signal = std::exchange(running_, running_->next_);
    signal->next_ = nullptr;
    // An exchange, so that the last raise, which wrote it, is visible to the callback.
    (void)signal->is_raised_.exchange(false);
    signal->callback_.Run();
  }
}

void LoopWaker::Remove(LoopSignal* signal) {
  TakeRaised();
  for (LoopSignal** link = &running_; *link != nullptr; link = &(*link)->next_) {
    if (*link == signal) {
      *link = signal->next_;
      return;
    }
  }
}

}  // namespace mayfly
