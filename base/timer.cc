// The timer heap.

#include "base/timer.h"

#include <utility>

#include "base/event_loop.h"

namespace mayfly {

Timer::Timer(EventLoop* loop, absl::AnyInvocable<void()> callback)
    : queue_(&loop->timers_), callback_(std::move(callback)) {
  loop->CheckThread();
  queue_->timers_.PushBack(this);
}

Timer::~Timer() { Cancel(); }

void Timer::Set(int64_t deadline_us) {
  if (queue_ == nullptr) {
    return;
  }
  Cancel();
  deadline_us_ = deadline_us;
  queue_->Insert(this);
}

void Timer::Cancel() {
  if (is_set()) {
    queue_->Remove(this);
  }
}

TimerQueue::~TimerQueue() {
  while (Timer* timer = timers_.PopFront()) {
    timer->Cancel();
    timer->queue_ = nullptr;
  }
}

std::optional<int64_t> TimerQueue::NextDeadlineUs() const {
  if (heap_.empty()) {
    return std::nullopt;
  }
  return heap_.front()->deadline_us_;
}

void TimerQueue::RunDue(int64_t now_us) {
  const uint64_t end_sequence = next_sequence_;
  while (!heap_.empty() && heap_.front()->deadline_us_ <= now_us &&
         heap_.front()->sequence_ < end_sequence) {
    Timer* timer = heap_.front();
    Remove(timer);
    timer->callback_.Run();
  }
}

void TimerQueue::Insert(Timer* timer) {
  timer->sequence_ = next_sequence_++;
  heap_.push_back(timer);
  timer->index_ = heap_.size() - 1;
  SiftUp(timer->index_);
}

void TimerQueue::Remove(Timer* timer) {
  const size_t index = std::exchange(timer->index_, Timer::kNotSet);
  Timer* last = heap_.back();
  heap_.pop_back();
  if (last != timer) {
    Place(last, index);
    SiftUp(index);
    SiftDown(last->index_);
  }
}

void TimerQueue::Place(Timer* timer, size_t index) {
  heap_[index] = timer;
  timer->index_ = index;
}

void TimerQueue::SiftUp(size_t index) {
  Timer* timer = heap_[index];
  while (index > 0) {
    const size_t parent = (index - 1) / 2;
    if (!IsEarlier(*timer, *heap_[parent])) {
      break;
    }
    Place(heap_[parent], index);
    index = parent;
  }
  Place(timer, index);
}

void TimerQueue::SiftDown(size_t index) {
  Timer* timer = heap_[index];
  while (true) {
    size_t child = 2 * index + 1;
    if (child >= heap_.size()) {
      break;
    }
    if (child + 1 < heap_.size() && IsEarlier(*heap_[child + 1], *heap_[child])) {
      ++child;
    }
    if (!IsEarlier(*heap_[child], *timer)) {
      break;
    }
    Place(heap_[child], index);
    index = child;
  }
  Place(timer, index);
}

bool TimerQueue::IsEarlier(const Timer& a, const Timer& b) {
  return a.deadline_us_ != b.deadline_us_ ? a.deadline_us_ < b.deadline_us_
                                          : a.sequence_ < b.sequence_;
}

}  // namespace mayfly
