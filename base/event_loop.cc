// The loop's turns, and what it does for operation groups.

#include "base/event_loop.h"

#include <liburing.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/status.h"

namespace mayfly {
namespace {

// user_data of requests whose completion nobody waits for.
constexpr uint64_t kNoOperation = 0;

constexpr int64_t kCancelRetryUs = 10'000;

// Looks at memory for each look at the clock: about a microsecond's worth.
constexpr int kSpinsPerClock = 16;

Operation* OperationOf(uint64_t user_data) {
  // The kernel gives back the pointer that Start stored.
  return reinterpret_cast<Operation*>(user_data);
}

uint64_t UserDataOf(Operation* operation) { return reinterpret_cast<uint64_t>(operation); }

}  // namespace

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create(const Options& options) {
  ASSIGN_OR_RETURN(Ring ring, Ring::Create(options.entry_count, options.setup));
  // Blocking, so that one operation waits for and reads it: the ring answers EAGAIN on a
  // non-blocking one.
  OwnedFd wake_fd(eventfd(0, EFD_CLOEXEC));
  if (!wake_fd.is_open()) {
    return ErrnoError("eventfd");
  }
  return std::unique_ptr<EventLoop>(
      new EventLoop(std::move(ring), std::move(wake_fd), options.spin_max_us));
}

EventLoop::EventLoop(Ring ring, OwnedFd wake_fd, int64_t spin_max_us)
    : ring_(std::move(ring)),
      wake_fd_(std::move(wake_fd)),
      waker_(wake_fd_.get()),
      work_window_(spin_max_us),
      device_window_(spin_max_us),
      post_signal_(this, [this] { RunPosted(); }),
      cancel_retry_(this, [this] { RetryCancels(); }),
      wake_group_(this) {
  wake_group_.WatchEventFd(wake_fd_.get(), [this](int64_t count_or_error) {
    if (count_or_error < 0) {
      wake_status_ = ErrnoError("read of the wake-up eventfd", static_cast<int>(-count_or_error));
    }
  });
}

EventLoop::~EventLoop() {
  CheckThread();
  // Timers and signals detach themselves from their queues; groups need the ring to let go.
  while (OperationGroup* group = groups_.front()) {
    group->Abandon();
    groups_.PopFront();
    group->loop_ = nullptr;
  }
}

void EventLoop::CheckThread() const {
#ifndef NDEBUG
  MAYFLY_CHECK(IsLoopThread());
#endif
}

absl::Status EventLoop::Run() {
  CheckThread();
  is_stopping_ = false;
  while (!is_stopping_) {
    RETURN_IF_ERROR(Turn());
  }
  return absl::OkStatus();
}

void EventLoop::Stop() {
  CheckThread();
  is_stopping_ = true;
}

void EventLoop::Post(absl::AnyInvocable<void()> function) {
  {
    const MutexLock lock(&post_mutex_);
    posted_.push_back(std::move(function));
  }
  post_signal_.Raise();
}

void EventLoop::RunPosted() {
  {
    const MutexLock lock(&post_mutex_);
    running_posts_.swap(posted_);
  }
  for (absl::AnyInvocable<void()>& function : running_posts_) {
    function();
  }
  running_posts_.clear();
}

absl::Status EventLoop::Turn() {
  RETURN_IF_ERROR(SubmitAndWait());
  Reap();
  if (timers_.NextDeadlineUs().has_value()) {
    timers_.RunDue(MonotonicTimeUs());
  }
  waker_.RunRaised();
  RunReady();
  RunPollSources();
  RunTurnEnds();
  return wake_status_;
}

// One that a callback requests runs at the end of the next turn, which comes without waiting.
void EventLoop::RunTurnEnds() {
  running_turn_ends_.TakeAll(&turn_ends_);
  while (TurnEnd* turn_end = running_turn_ends_.PopFront()) {
    turn_end->callback_.Run();
  }
}

absl::Status EventLoop::SubmitAndWait() {
  std::optional<int64_t> timeout_us;
  if (const std::optional<int64_t> deadline_us = timers_.NextDeadlineUs()) {
    timeout_us = std::max<int64_t>(*deadline_us - MonotonicTimeUs(), 0);
  }
  if (!ready_.empty() || !turn_ends_.empty() || timeout_us == 0) {
    return ring_.Submit();
  }
  if (poll_sources_.empty()) {
    return Sleep(timeout_us, nullptr);
  }
  if (HasPolledWork()) {
    WindowOf(MostWaiting()).OnFound();
    return ring_.HasEntries() || ring_.HasTaskWork() ? ring_.Submit() : absl::OkStatus();
  }
  // What the kernel does at once is worth another turn, without wake-ups asked for.
  if (ring_.HasEntries()) {
    RETURN_IF_ERROR(ring_.Submit());
  }
  const PollSource::Waiting waiting = MostWaiting();
  SpinWindow& window = WindowOf(waiting);
  const bool may_spin = waiting != PollSource::Waiting::kForWorker;
  if (ring_.HasCompletions() || (may_spin && Spin(window, timeout_us))) {
    return ring_.HasTaskWork() ? ring_.Submit() : absl::OkStatus();
  }
  return Sleep(timeout_us, may_spin ? &window : nullptr);
}

absl::Status EventLoop::Sleep(std::optional<int64_t> timeout_us, SpinWindow* window) {
  if (!RequestWakeups() || !waker_.PrepareSleep()) {
    return ring_.Submit();
  }
  const int64_t start_us = window == nullptr ? 0 : MonotonicTimeUs();
  const absl::Status status = ring_.SubmitAndWait(timeout_us);
  waker_.EndSleep();
  if (window != nullptr) {
    window->OnSlept(MonotonicTimeUs() - start_us);
  }
  return status;
}

PollSource::Waiting EventLoop::MostWaiting() {
  auto most = PollSource::Waiting::kForWork;
  for (PollSource* source = poll_sources_.front(); source != nullptr;
       source = poll_sources_.Next(source)) {
    most = std::max(most, source->waiting());
  }
  return most;
}

bool EventLoop::Spin(SpinWindow& window, std::optional<int64_t> timeout_us) {
  const int64_t window_us = window.NextUs();
  if (window_us == 0) {
    return false;
  }
  const int64_t end_us = MonotonicTimeUs() + std::min(window_us, timeout_us.value_or(window_us));
  while (true) {
    for (int i = 0; i < kSpinsPerClock; ++i) {
      if (ring_.HasCompletions() || waker_.HasRaised() || HasPolledWork()) {
        window.OnFound();
        return true;
      }
      __builtin_ia32_pause();
    }
    if (MonotonicTimeUs() >= end_us) {
      window.OnVain();
      return false;
    }
  }
}

bool EventLoop::HasPolledWork() {
  for (PollSource* source = poll_sources_.front(); source != nullptr;
       source = poll_sources_.Next(source)) {
    if (source->HasWork()) {
      return true;
    }
  }
  return false;
}

bool EventLoop::RequestWakeups() {
  for (PollSource* source = poll_sources_.front(); source != nullptr;
       source = poll_sources_.Next(source)) {
    if (!source->RequestWakeup()) {
      return false;
    }
  }
  return true;
}

// A source may leave the list in its DoWork; the rest then waits for the next turn, which finds its
// work before sleeping.
void EventLoop::RunPollSources() {
  for (PollSource* source = poll_sources_.front(); source != nullptr;) {
    PollSource* next = poll_sources_.Next(source);
    if (source->HasWork()) {
      source->DoWork();
    }
    source = next != nullptr && next->is_linked() ? next : nullptr;
  }
}

void EventLoop::Reap() {
  ring_.TakeCompletions([this](uint64_t user_data, int32_t result) {
    if (user_data == kNoOperation) {
      return;
    }
    Operation* operation = OperationOf(user_data);
    operation->result = result;
    operation->in_kernel = false;
    --operation->group->in_kernel_count_;
    ready_.PushBack(operation);
  });
}

void EventLoop::RunReady() {
  running_.TakeAll(&ready_);
  while (Operation* operation = running_.PopFront()) {
    Complete(operation);
  }
}

void EventLoop::Complete(Operation* operation) {
  OperationGroup* group = operation->group;
  operation->group_link().Unlink();
  --group->pending_count_;
  // Before the callback, which may destroy the group: the announcements are then dropped with it,
  // and run after the callback otherwise.
  if (operation->is_cancelling && --group->cancelling_count_ == 0) {
    ready_.TakeAll(&group->announcements_);
  }
  OperationCallback callback = std::move(operation->callback);
  const int32_t result = operation->result;
  pool_.Return(operation);
  callback(result);
}

io_uring_sqe* EventLoop::TakeEntry() {
  CheckThread();
  while (true) {
    if (io_uring_sqe* entry = ring_.TakeEntry()) {
      return entry;
    }
    // Only a bug of ours makes the ring itself fail.
    MAYFLY_CHECK(ring_.Submit().ok());
    // The kernel takes no more entries while completions that found the ring full are waiting.
    Reap();
  }
}

Operation* EventLoop::AddOperation(OperationGroup* group, OperationCallback callback) {
  Operation* operation = pool_.Take();
  operation->callback = std::move(callback);
  operation->group = group;
  group->operations_.PushBack(operation);
  ++group->pending_count_;
  return operation;
}

Operation* EventLoop::Start(io_uring_sqe* entry, OperationGroup* group,
                            OperationCallback callback) {
  Operation* operation = AddOperation(group, std::move(callback));
  operation->in_kernel = true;
  ++group->in_kernel_count_;
  io_uring_sqe_set_data64(entry, UserDataOf(operation));
  return operation;
}

void EventLoop::MarkCancelling(OperationGroup* group) {
  for (Operation* operation = group->operations_.front(); operation != nullptr;
       operation = group->operations_.Next(operation)) {
    if (!operation->is_cancelling && !operation->is_announcement) {
      operation->is_cancelling = true;
      ++group->cancelling_count_;
    }
  }
}

void EventLoop::Cancel(OperationGroup* group, absl::AnyInvocable<void()> done) {
  CheckThread();
  MarkCancelling(group);
  Operation* announcement =
      AddOperation(group, [done = std::move(done)](int32_t) mutable { done(); });
  announcement->is_announcement = true;
  if (group->cancelling_count_ == 0) {
    ready_.PushBack(announcement);
    return;
  }
  group->announcements_.PushBack(announcement);
  RequestCancel(group);
  cancel_retry_.Set(MonotonicTimeUs() + kCancelRetryUs);
}

// An operation that completes and whose storage is used again before the kernel sees the request is
// safe: requests are taken in order, so the later user of the storage is not there yet when its
// predecessor is looked for.
void EventLoop::RequestCancel(OperationGroup* group) {
  for (Operation* operation = group->operations_.front(); operation != nullptr;
       operation = group->operations_.Next(operation)) {
    if (!operation->in_kernel || !operation->is_cancelling) {
      continue;
    }
    io_uring_sqe* entry = TakeEntry();
    io_uring_prep_cancel64(entry, UserDataOf(operation), 0);
    io_uring_sqe_set_data64(entry, kNoOperation);
  }
}

void EventLoop::RetryCancels() {
  bool is_waiting = false;
  for (OperationGroup* group = groups_.front(); group != nullptr; group = groups_.Next(group)) {
    if (group->cancelling_count_ > 0) {
      RequestCancel(group);
      is_waiting = true;
    }
  }
  if (is_waiting) {
    cancel_retry_.Set(MonotonicTimeUs() + kCancelRetryUs);
  }
}

void EventLoop::Abandon(OperationGroup* group) {
  CheckThread();
  MarkCancelling(group);
  int64_t retry_at_us = 0;
  while (group->in_kernel_count_ > 0) {
    const int64_t now_us = MonotonicTimeUs();
    if (now_us >= retry_at_us) {
      RequestCancel(group);
      retry_at_us = now_us + kCancelRetryUs;
    }
    // Without a ring the kernel could write to freed buffers for ever.
    MAYFLY_CHECK(ring_.SubmitAndWait(retry_at_us - now_us).ok());
    Reap();
  }
  group->cancelling_count_ = 0;
  while (Operation* operation = group->operations_.PopFront()) {
    operation->queue_link().Unlink();
    // Outlives the operation: what it captured may use the group.
    const OperationCallback callback = std::move(operation->callback);
    if (operation->result_is_fd) {
      OwnedFd(operation->result).Close();
    }
    pool_.Return(operation);
  }
  group->pending_count_ = 0;
}

}  // namespace mayfly
