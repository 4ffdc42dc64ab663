// EventLoop: the monitor's one io_uring and the callbacks it drives.

#ifndef MAYFLY_BASE_EVENT_LOOP_H_
#define MAYFLY_BASE_EVENT_LOOP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/intrusive_list.h"
#include "base/loop_signal.h"
#include "base/mutex.h"
#include "base/operation.h"
#include "base/operation_group.h"
#include "base/owned_fd.h"
#include "base/poll_source.h"
#include "base/ring.h"
#include "base/spin_window.h"
#include "base/timer.h"
#include "base/turn_end.h"

namespace mayfly {

// One per monitor, on the main ("loop") thread: the thread that calls Create is the loop thread.
// Post is the only method for other threads (and LoopSignal::Raise); all others are checked in
// debug builds.
//
//   ASSIGN_OR_RETURN(std::unique_ptr<EventLoop> loop, EventLoop::Create({}));
//   OperationGroup io(loop.get());
//   io.Read(STDIN_FILENO, buffer, OperationGroup::kCurrentPosition, [&](int32_t result) { ...;
//   loop->Stop(); }); RETURN_IF_ERROR(loop->Run());
//
// I/O is started through OperationGroup, timers are Timer, wake-ups from other threads are
// LoopSignal. A turn of the loop: submit everything queued and wait (one system call), then run the
// callbacks of due timers, raised signals and completed operations, the work of PollSources, then
// the callbacks of TurnEnds.
class EventLoop {
 public:
  struct Options {
    // Submission entries. More operations than this may be pending; they are then handed over in
    // several calls.
    uint32_t entry_count = 256;
    Ring::Setup setup = Ring::Setup::kBest;
    // How long to look for the work of PollSources before sleeping, at most; 0 for not at all.
    int64_t spin_max_us = 50;
  };

  // Errors: "io_uring_setup: reason"; FailedPrecondition when the host has io_uring disabled.
  static absl::StatusOr<std::unique_ptr<EventLoop>> Create(const Options& options);
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  // Abandons the operations of all groups, then detaches groups, timers and signals, whose owners
  // may die later. Posted functions that have not run are destroyed.
  ~EventLoop();

  // Runs callbacks until one calls Stop. Returns an error only when the ring itself fails. May be
  // called again.
  absl::Status Run();
  // Makes Run return at the end of the turn; call it in a callback. What becomes ready later runs
  // in the next Run.
  void Stop();

  // Runs `function` on the loop, in a later turn, in the order of the calls. Any thread.
  void Post(absl::AnyInvocable<void()> function);

  bool IsLoopThread() const { return std::this_thread::get_id() == thread_; }

  // The ring's size and the set-up flags the kernel took, for the log.
  const std::string& setup_description() const { return ring_.setup_description(); }

 private:
  friend class LoopSignal;
  friend class OperationGroup;
  friend class PollSource;
  friend class Timer;
  friend class TurnEnd;

  EventLoop(Ring ring, OwnedFd wake_fd, int64_t spin_max_us);

  void CheckThread() const;
  // Submits what is queued and waits when nothing is ready, then runs what is.
  absl::Status Turn();
  absl::Status SubmitAndWait();
  absl::Status Sleep(std::optional<int64_t> timeout_us, SpinWindow* window);
  // Looks for work for a while. True when there is some, so that the loop must not sleep.
  SpinWindow& WindowOf(PollSource::Waiting waiting) {
    return waiting == PollSource::Waiting::kForWork ? work_window_ : device_window_;
  }
  bool Spin(SpinWindow& window, std::optional<int64_t> timeout_us);
  bool HasPolledWork();
  // What most of the sources wait for at most; there is one at least.
  PollSource::Waiting MostWaiting();
  // Asks all sources for a wake-up. False when one has work already.
  bool RequestWakeups();
  void RunPollSources();
  // Moves the kernel's completions to ready_.
  void Reap();
  void RunReady();
  void Complete(Operation* operation);
  void RunPosted();
  void RunTurnEnds();

  // For OperationGroup. An entry to fill in; submits first when the ring is full.
  io_uring_sqe* TakeEntry();
  // Makes the filled-in entry an operation of `group`.
  Operation* Start(io_uring_sqe* entry, OperationGroup* group, OperationCallback callback);
  Operation* AddOperation(OperationGroup* group, OperationCallback callback);
  void Cancel(OperationGroup* group, absl::AnyInvocable<void()> done);
  void Abandon(OperationGroup* group);
  // Makes all operations of the group that are pending now count as being cancelled.
  void MarkCancelling(OperationGroup* group);
  // Asks the kernel to cancel those of them that it holds.
  void RequestCancel(OperationGroup* group);
  void RetryCancels();

  const std::thread::id thread_ = std::this_thread::get_id();
  Ring ring_;
  OwnedFd wake_fd_;
  LoopWaker waker_;
  TimerQueue timers_;
  OperationPool pool_;
  IntrusiveList<OperationGroup, GroupListTag> groups_;
  // Completed operations whose callbacks have not run; those of this turn are in running_.
  IntrusiveList<Operation, QueueTag> ready_;
  IntrusiveList<Operation, QueueTag> running_;
  // Requested for the end of this turn; those that run now are in running_turn_ends_.
  IntrusiveList<TurnEnd, TurnEndTag> turn_ends_;
  IntrusiveList<TurnEnd, TurnEndTag> running_turn_ends_;
  IntrusiveList<PollSource, PollSourceTag> poll_sources_;
  SpinWindow work_window_;
  SpinWindow device_window_;
  bool is_stopping_ = false;
  // Not OK once the wake-up eventfd cannot be read.
  absl::Status wake_status_;

  Mutex post_mutex_;
  std::vector<absl::AnyInvocable<void()>> posted_ ABSL_GUARDED_BY(post_mutex_);
  // Loop thread only: those of posted_ that run now.
  std::vector<absl::AnyInvocable<void()>> running_posts_;
  LoopSignal post_signal_;
  // The kernel can miss an operation that is between two of its states when asked to cancel it: ask
  // again until it is gone.
  Timer cancel_retry_;
  OperationGroup wake_group_;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_EVENT_LOOP_H_
