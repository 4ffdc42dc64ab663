// Starting operations. A new kind of operation is one method here.

#include "base/operation_group.h"

#include <liburing.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "base/event_loop.h"
#include "base/recurring_callback.h"

namespace mayfly {
namespace {

// The most a read or write moves: MAX_RW_COUNT of the kernel.
uint32_t TransferSize(size_t size_bytes) {
  return static_cast<uint32_t>(std::min<size_t>(size_bytes, 0x7ffff000));
}

}  // namespace

// Reads an eventfd again and again. Owned by its group until reading ends.
class OperationGroup::EventFdWatch {
 public:
  EventFdWatch(OperationGroup* group, int fd, absl::AnyInvocable<void(int64_t)> on_event)
      : group_(group), fd_(fd), on_event_(std::move(on_event)) {}

  void StartRead() {
    // The count is read by the kernel as bytes.
    const std::span<uint8_t> buffer(reinterpret_cast<uint8_t*>(&count_), sizeof(count_));
    group_->Read(fd_, buffer, kCurrentPosition, [this](int32_t result) { OnRead(result); });
  }

 private:
  void OnRead(int32_t result) {
    if (result == -EAGAIN) {
      group_->Poll(fd_, POLLIN, [this](int32_t events) { OnPolled(events); });
    } else if (result != sizeof(count_)) {
      End(result < 0 ? result : -EIO);
    } else {
      const int64_t count = static_cast<int64_t>(count_);
      StartRead();
      on_event_.Run(count);
    }
  }

  void OnPolled(int32_t events) {
    if (events < 0) {
      End(events);
    } else {
      StartRead();
    }
  }

  void End(int32_t error) {
    // Keeps this alive for the last call, which may destroy the group.
    const std::unique_ptr<EventFdWatch> self = group_->RemoveWatch(this);
    on_event_.Run(error);
  }

  OperationGroup* const group_;
  const int fd_;
  uint64_t count_ = 0;
  RecurringCallback<int64_t> on_event_;
};

OperationGroup::OperationGroup(EventLoop* loop) : loop_(loop) { loop_->groups_.PushBack(this); }

OperationGroup::~OperationGroup() { Abandon(); }

void OperationGroup::Read(int fd, std::span<uint8_t> buffer, uint64_t offset_bytes, Callback done) {
  io_uring_sqe* entry = TakeEntry();
  io_uring_prep_read(entry, fd, buffer.data(), TransferSize(buffer.size()), offset_bytes);
  loop_->Start(entry, this, std::move(done));
}

void OperationGroup::Write(int fd, std::span<const uint8_t> buffer, uint64_t offset_bytes,
                           Callback done) {
  io_uring_sqe* entry = TakeEntry();
  io_uring_prep_write(entry, fd, buffer.data(), TransferSize(buffer.size()), offset_bytes);
  loop_->Start(entry, this, std::move(done));
}

void OperationGroup::ReadOnWorker(int fd, std::span<uint8_t> buffer, uint64_t offset_bytes,
                                  Callback done) {
  io_uring_sqe* entry = TakeEntry();
  io_uring_prep_read(entry, fd, buffer.data(), TransferSize(buffer.size()), offset_bytes);
  io_uring_sqe_set_flags(entry, IOSQE_ASYNC);
  loop_->Start(entry, this, std::move(done));
}

void OperationGroup::WriteOnWorker(int fd, std::span<const uint8_t> buffer, uint64_t offset_bytes,
                                   Callback done) {
  io_uring_sqe* entry = TakeEntry();
  io_uring_prep_write(entry, fd, buffer.data(), TransferSize(buffer.size()), offset_bytes);
  io_uring_sqe_set_flags(entry, IOSQE_ASYNC);
  loop_->Start(entry, this, std::move(done));
}

// One segment is cheaper without its array: the kernel need not copy and check it.
void OperationGroup::ReadVector(int fd, std::span<const iovec> segments, uint64_t offset_bytes,
                                int flags, Callback done) {
  io_uring_sqe* entry = TakeEntry();
  if (segments.size() == 1) {
    io_uring_prep_read(entry, fd, segments[0].iov_base, TransferSize(segments[0].iov_len),
                       offset_bytes);
    entry->rw_flags = flags;
  } else {
    io_uring_prep_readv2(entry, fd, segments.data(), static_cast<unsigned>(segments.size()),
                         offset_bytes, flags);
  }
  loop_->Start(entry, this, std::move(done));
}

void OperationGroup::WriteVector(int fd, std::span<const iovec> segments, uint64_t offset_bytes,
                                 int flags, Callback done) {
  io_uring_sqe* entry = TakeEntry();
  if (segments.size() == 1) {
    io_uring_prep_write(entry, fd, segments[0].iov_base, TransferSize(segments[0].iov_len),
                        offset_bytes);
    entry->rw_flags = flags;
  } else {
    io_uring_prep_writev2(entry, fd, segments.data(), static_cast<unsigned>(segments.size()),
                          offset_bytes, flags);
  }
  loop_->Start(entry, this, std::move(done));
}

void OperationGroup::Accept(int fd, Callback done) {
  io_uring_sqe* entry = TakeEntry();
  io_uring_prep_accept(entry, fd, nullptr, nullptr, SOCK_CLOEXEC);
  loop_->Start(entry, this, std::move(done))->result_is_fd = true;
}

void OperationGroup::Receive(int fd, std::span<uint8_t> buffer, Callback done) {
  io_uring_sqe* entry = TakeEntry();
  io_uring_prep_recv(entry, fd, buffer.data(), TransferSize(buffer.size()), 0);
  loop_->Start(entry, this, std::move(done));
}

void OperationGroup::Send(int fd, std::span<const uint8_t> buffer, Callback done) {
  io_uring_sqe* entry = TakeEntry();
  io_uring_prep_send(entry, fd, buffer.data(), TransferSize(buffer.size()), MSG_NOSIGNAL);
  loop_->Start(entry, this, std::move(done));
}

void OperationGroup::SyncData(int fd, Callback done) {
  io_uring_sqe* entry = TakeEntry();
  io_uring_prep_fsync(entry, fd, IORING_FSYNC_DATASYNC);
  loop_->Start(entry, this, std::move(done));
}

void OperationGroup::Allocate(int fd, int mode, uint64_t offset_bytes, uint64_t size_bytes,
                              Callback done) {
  io_uring_sqe* entry = TakeEntry();
  io_uring_prep_fallocate(entry, fd, mode, static_cast<off_t>(offset_bytes),
                          static_cast<off_t>(size_bytes));
  loop_->Start(entry, this, std::move(done));
}

void OperationGroup::Madvise(std::span<uint8_t> memory, int advice, Callback done) {
  MAYFLY_CHECK(memory.size() <= UINT32_MAX);
  io_uring_sqe* entry = TakeEntry();
  io_uring_prep_madvise(entry, memory.data(), static_cast<off_t>(memory.size()), advice);
  loop_->Start(entry, this, std::move(done));
}

void OperationGroup::Poll(int fd, uint32_t events, Callback done) {
  io_uring_sqe* entry = TakeEntry();
  io_uring_prep_poll_add(entry, fd, events);
  loop_->Start(entry, this, std::move(done));
}

void OperationGroup::WatchEventFd(int fd, absl::AnyInvocable<void(int64_t)> on_event) {
  watches_.push_back(std::make_unique<EventFdWatch>(this, fd, std::move(on_event)));
  watches_.back()->StartRead();
}

void OperationGroup::Cancel(absl::AnyInvocable<void()> done) {
  MAYFLY_CHECK(loop_ != nullptr);
  loop_->Cancel(this, std::move(done));
}

void OperationGroup::Abandon() {
  if (loop_ != nullptr) {
    loop_->Abandon(this);
  }
  // Not before: the kernel wrote to their counts.
  watches_.clear();
}

io_uring_sqe* OperationGroup::TakeEntry() {
  MAYFLY_CHECK(loop_ != nullptr);
  return loop_->TakeEntry();
}

std::unique_ptr<OperationGroup::EventFdWatch> OperationGroup::RemoveWatch(EventFdWatch* watch) {
  const auto found = std::find_if(watches_.begin(), watches_.end(),
                                  [&](const auto& owned) { return owned.get() == watch; });
  MAYFLY_CHECK(found != watches_.end());
  std::unique_ptr<EventFdWatch> removed = std::move(*found);
  watches_.erase(found);
  return removed;
}

}  // namespace mayfly
