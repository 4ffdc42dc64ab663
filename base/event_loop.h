// EventLoop: the monitor's one io_uring and the callbacks it drives.

#ifndef MAYFLY_BASE_EVENT_LOOP_H_
#define MAYFLY_BASE_EVENT_LOOP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
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
#include "base/ring.h"
#include "base/timer.h"

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
// callbacks of due timers, raised signals and completed operations.
class EventLoop {
 public:
  struct Options {
    // Submission entries. More operations than this may be pending; they are then handed over in
    // several calls.
    uint32_t entry_count = 256;
    Ring::Setup setup = Ring::Setup::kBest;
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
  // Makes Run return after the callback that called this. What is ready then runs in the next Run.
  void Stop();

  // Runs `function` on the loop, in a later turn, in the order of the calls. Any thread.
  void Post(absl::AnyInvocable<void()> function);

  bool IsLoopThread() const { return std::this_thread::get_id() == thread_; }

  // The ring's size and the set-up flags the kernel took, for the log.
  const std::string& setup_description() const { return ring_.setup_description(); }

 private:
  friend class LoopSignal;
  friend class OperationGroup;
  friend class Timer;

  EventLoop(Ring ring, OwnedFd wake_fd);

  void CheckThread() const;
  absl::Status Turn();
  // Submits what is queued and, when nothing is ready, waits for the next event.
  absl::Status SubmitAndWait();
  void RunPosted();

  // For OperationGroup. An entry to fill in: submits when the ring is full.
  io_uring_sqe* TakeEntry();
  // Makes the filled-in entry an operation of `group`.
  void Start(io_uring_sqe* entry, OperationGroup* group, OperationCallback callback);
  // Asks the kernel to cancel those of the group's operations that it holds.
  void RequestCancel(OperationGroup* group);
  void Abandon(OperationGroup* group);
  void RetryCancels();

  // Moves the kernel's completions to ready_.
  void Reap();
  void RunReady();
  void Complete(Operation* operation);

  const std::thread::id thread_ = std::this_thread::get_id();
  Ring ring_;
  OwnedFd wake_fd_;
  LoopWaker waker_;
  TimerQueue timers_;
  OperationPool pool_;
  IntrusiveList<OperationGroup, GroupListTag> groups_;
  // Completed operations whose callbacks have not run.
  IntrusiveList<Operation, QueueTag> ready_;
  size_t ready_count_ = 0;
  bool is_stopping_ = false;

  Mutex post_mutex_;
  std::vector<absl::AnyInvocable<void()>> posted_ ABSL_GUARDED_BY(post_mutex_);
  LoopSignal post_signal_;
  // The kernel may miss an operation that is between two of its states when it is asked to cancel
  // it: ask again.
  Timer cancel_retry_;
  OperationGroup wake_group_;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_EVENT_LOOP_H_
