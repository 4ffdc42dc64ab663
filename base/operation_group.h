// OperationGroup: the I/O operations of one owner on the event loop, cancelled together.

#ifndef MAYFLY_BASE_OPERATION_GROUP_H_
#define MAYFLY_BASE_OPERATION_GROUP_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "base/intrusive_list.h"
#include "base/operation.h"

struct io_uring_sqe;

namespace mayfly {

class EventLoop;

// The loop's list of all its groups.
struct GroupListTag;

// How a device, a connection or a file starts I/O. A member of its owner; loop thread only.
//
//   OperationGroup io_{loop};
//   io_.Read(fd, buffer_, kCurrentPosition, [this](int32_t result) { OnRead(result); });
//
// An operation is handed to the kernel at the end of the loop's turn, together with all others of
// that turn. Its callback runs on the loop, exactly once, with the result of the system call (a
// count, or a negative errno), never inside the call that started it. A callback of up to two
// pointers' size costs no allocation. It may start and cancel operations, destroy the group or its
// owner, and stop the loop.
//
// The descriptor and the buffer stay valid until the callback ran, or the group's destructor or
// Abandon() returned.
class OperationGroup : private ListLink<GroupListTag> {
 public:
  using Callback = OperationCallback;

  // The file position for streams (pipes, terminals, sockets), and for "where the descriptor
  // stands".
  static constexpr uint64_t kCurrentPosition = ~uint64_t{0};

  // `loop` outlives the group, or is destroyed first: then the group is empty and of no more use.
  explicit OperationGroup(EventLoop* loop);
  OperationGroup(const OperationGroup&) = delete;
  OperationGroup& operator=(const OperationGroup&) = delete;
  // Abandon().
  ~OperationGroup();

  // read(2)/pread(2). A descriptor with O_NONBLOCK answers -EAGAIN at once: wait with Poll.
  void Read(int fd, std::span<uint8_t> buffer, uint64_t offset_bytes, Callback done);
  // write(2)/pwrite(2). May write less than asked.
  void Write(int fd, std::span<const uint8_t> buffer, uint64_t offset_bytes, Callback done);
  // The same on a thread of the kernel's. For what cannot be asked whether it would block: a write
  // of more than a terminal has room for sleeps inside the submission, and so stops the loop, when
  // it is not done this way (docs/decisions/0005). Costs 1.6 us at best, a plain write 0.3 us.
  void ReadOnWorker(int fd, std::span<uint8_t> buffer, uint64_t offset_bytes, Callback done);
  void WriteOnWorker(int fd, std::span<const uint8_t> buffer, uint64_t offset_bytes, Callback done);
  // preadv2(2)/pwritev2(2) with RWF_* `flags`. The array of segments stays valid as the buffers do.
  // Moves at most what one call of the kernel moves, 0x7ffff000 bytes.
  void ReadVector(int fd, std::span<const iovec> segments, uint64_t offset_bytes, int flags,
                  Callback done);
  void WriteVector(int fd, std::span<const iovec> segments, uint64_t offset_bytes, int flags,
                   Callback done);
  // accept4(2) with SOCK_CLOEXEC; the result is the new socket's descriptor, which then belongs to
  // the callback. An Abandon closes what came too late for it.
  void Accept(int fd, Callback done);
  // recv(2); 0 at the end of the stream.
  void Receive(int fd, std::span<uint8_t> buffer, Callback done);
  // send(2) without SIGPIPE. May send less than asked.
  void Send(int fd, std::span<const uint8_t> buffer, Callback done);
  // fdatasync(2).
  void SyncData(int fd, Callback done);
  // fallocate(2) with FALLOC_FL_* `mode`.
  void Allocate(int fd, int mode, uint64_t offset_bytes, uint64_t size_bytes, Callback done);
  // madvise(2) with MADV_* `advice` on a thread of the kernel's, for at most 4 GiB less a page.
  void Madvise(std::span<uint8_t> memory, int advice, Callback done);
  // Waits for any of `events` (POLLIN, POLLOUT, ...); the result is the events that hold.
  void Poll(int fd, uint32_t events, Callback done);

  // Runs `on_event` with the counter each time the eventfd `fd` is signalled, until the group is
  // cancelled or reading fails; in that case `on_event` runs a last time with the negative errno. A
  // blocking eventfd takes one operation an event, one with O_NONBLOCK two.
  void WatchEventFd(int fd, absl::AnyInvocable<void(int64_t count_or_error)> on_event);

  // Cancels every operation started so far. Each still runs its callback, with -ECANCELED or with
  // what it achieved; then `done` runs, on the loop, never inside this call. By then the kernel
  // holds none of their buffers.
  void Cancel(absl::AnyInvocable<void()> done);

  // Cancels every operation and waits until the kernel holds none. Their callbacks, and those of an
  // earlier Cancel, are destroyed without having run. Blocks for as long as a disk request takes
  // that the kernel cannot cancel.
  void Abandon();

  // Operations, and announcements of Cancel, whose callback has not run yet.
  size_t pending_count() const { return pending_count_; }

 private:
  friend class EventLoop;
  template <typename T, typename Tag>
  friend class IntrusiveList;

  class EventFdWatch;

  io_uring_sqe* TakeEntry();
  std::unique_ptr<EventFdWatch> RemoveWatch(EventFdWatch* watch);

  // Null when the loop is gone.
  EventLoop* loop_;
  IntrusiveList<Operation, GroupTag> operations_;
  size_t pending_count_ = 0;
  // Of the operations, those the kernel holds.
  size_t in_kernel_count_ = 0;
  // Of the operations, those a Cancel waits for.
  size_t cancelling_count_ = 0;
  // Run once cancelling_count_ is 0.
  IntrusiveList<Operation, QueueTag> announcements_;
  std::vector<std::unique_ptr<EventFdWatch>> watches_;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_OPERATION_GROUP_H_
