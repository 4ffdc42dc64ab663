// Requests as operations of the ring.

#include "devices/virtio/block_executor.h"

#include <linux/falloc.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

#include "devices/virtio/virtio_ids.h"

namespace mayfly {
namespace {

// Where a file system cannot zero a range. Never written to, so its pages are the kernel's zero
// page.
constexpr size_t kZeroesBytes = size_t{256} << 10;
alignas(4096) uint8_t zeroes[kZeroesBytes];

SegmentList& Data(BlockRequest* request) {
  return request->type == BlockRequestType::kIn ? request->chain.writable : request->chain.readable;
}

}  // namespace

void BlockExecutor::Start(BlockRequest* request) {
  switch (request->type) {
    case BlockRequestType::kFlush:
      io_.SyncData(file_.fd(), [this, request](int32_t result) { Finish(request, -result); });
      return;
    case BlockRequestType::kDiscard:
    case BlockRequestType::kWriteZeroes:
      StartRange(request);
      return;
    default:
      JoinRun(request);
  }
}

void BlockExecutor::Finish(BlockRequest* request, int error) {
  if (request->type == BlockRequestType::kIn) {
    request->chain.writable.MarkWritten(request->data_bytes);
  }
  done_(request, error);
}

void BlockExecutor::JoinRun(BlockRequest* request) {
  const size_t segment_count = Data(request).segments().size();
  if (run_first_ != nullptr && MayJoinRun(request)) {
    run_last_->next_in_run = request;
    run_last_ = request;
    run_segment_count_ += segment_count;
    return;
  }
  Flush();
  run_first_ = run_last_ = request;
  run_segment_count_ = segment_count;
}

bool BlockExecutor::MayJoinRun(BlockRequest* request) const {
  return request->type == run_last_->type &&
         request->offset_bytes == run_last_->offset_bytes + run_last_->data_bytes &&
         run_segment_count_ + Data(request).segments().size() <= kQueueMaxSize;
}

void BlockExecutor::Flush() {
  BlockRequest* first = std::exchange(run_first_, nullptr);
  if (first == nullptr) {
    return;
  }
  if (first->next_in_run == nullptr) {
    Transfer(first);
    return;
  }
  for (BlockRequest* request = first; request != nullptr; request = request->next_in_run) {
    first->run_segments.AddFront(Data(request), request->data_bytes);
  }
  const std::span<const iovec> segments = first->run_segments.segments();
  auto done = [this, first](int32_t result) { OnRunTransferred(first, result); };
  if (first->type == BlockRequestType::kIn) {
    io_.ReadVector(file_.fd(), segments, first->offset_bytes, 0, done);
  } else {
    io_.WriteVector(file_.fd(), segments, first->offset_bytes, 0, done);
  }
}

// What did not go through as a whole is tried request by request, so that each gets an answer of
// its own.
void BlockExecutor::OnRunTransferred(BlockRequest* first, int32_t result) {
  const bool is_whole =
      result >= 0 && static_cast<uint64_t>(result) == first->run_segments.size_bytes();
  for (BlockRequest* request = first; request != nullptr;) {
    // Done gives the request away.
    BlockRequest* next = std::exchange(request->next_in_run, nullptr);
    if (is_whole || is_cancelling_) {
      Finish(request, is_whole ? 0 : ECANCELED);
    } else {
      Transfer(request);
    }
    request = next;
  }
}

void BlockExecutor::Cancel(absl::AnyInvocable<void()> cancelled) {
  Flush();
  is_cancelling_ = true;
  io_.Cancel([this, cancelled = std::move(cancelled)]() mutable {
    is_cancelling_ = false;
    cancelled();
  });
}

void BlockExecutor::Sync(absl::AnyInvocable<void(int)> synced) {
  io_.SyncData(file_.fd(), [synced = std::move(synced)](int32_t result) mutable {
    synced(result < 0 ? -result : 0);
  });
}

void BlockExecutor::Transfer(BlockRequest* request) {
  const std::span<const iovec> segments = Data(request).segments();
  const int fd = request->is_buffered ? file_.buffered_fd() : file_.fd();
  auto done = [this, request](int32_t result) { OnTransferred(request, result); };
  if (request->type == BlockRequestType::kIn) {
    io_.ReadVector(fd, segments, request->offset_bytes, 0, done);
  } else {
    io_.WriteVector(fd, segments, request->offset_bytes, 0, done);
  }
}

void BlockExecutor::OnTransferred(BlockRequest* request, int32_t result) {
  if (is_cancelling_) {
    Finish(request, ECANCELED);
    return;
  }
  SegmentList& data = Data(request);
  if (result == -EINVAL && file_.is_direct() && !request->is_buffered) {
    // Not aligned as the file system wants it for O_DIRECT.
    request->is_buffered = true;
    Transfer(request);
    return;
  }
  if (result == -EINTR) {
    Transfer(request);
    return;
  }
  if (result <= 0 && !data.empty()) {
    // 0 is the end of a file that was cut short since it was opened.
    Finish(request, result == 0 ? EIO : -result);
    return;
  }
  const uint64_t moved_bytes = std::min<uint64_t>(static_cast<uint32_t>(result), data.size_bytes());
  if (request->type == BlockRequestType::kIn) {
    data.MarkWritten(moved_bytes);
  }
  data.DropFront(moved_bytes);
  request->offset_bytes += moved_bytes;
  if (data.empty()) {
    Finish(request, 0);
  } else {
    Transfer(request);
  }
}

void BlockExecutor::StartRange(BlockRequest* request) {
  const BlockRange& range = request->ranges[request->next_range];
  const bool is_hole = request->type == BlockRequestType::kDiscard || range.is_unmap_allowed;
  const int mode = is_hole ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
  io_.Allocate(file_.fd(), mode | FALLOC_FL_KEEP_SIZE, range.offset_bytes, range.size_bytes,
               [this, request](int32_t result) { OnRangeDone(request, result); });
}

void BlockExecutor::OnRangeDone(BlockRequest* request, int32_t result) {
  if (is_cancelling_) {
    Finish(request, ECANCELED);
    return;
  }
  if (result == -EINTR) {
    StartRange(request);
    return;
  }
  if (result == -EOPNOTSUPP && request->type == BlockRequestType::kWriteZeroes) {
    WriteZeroes(request);
    return;
  }
  // A discard is a hint: what cannot be given back stays (5.2.6.2).
  if (result < 0 && result != -EOPNOTSUPP) {
    Finish(request, -result);
  } else if (++request->next_range == request->ranges.size()) {
    Finish(request, 0);
  } else {
    StartRange(request);
  }
}

void BlockExecutor::WriteZeroes(BlockRequest* request) {
  const BlockRange& range = request->ranges[request->next_range];
  const std::span<const uint8_t> bytes(zeroes, std::min<uint64_t>(range.size_bytes, kZeroesBytes));
  io_.Write(file_.buffered_fd(), bytes, range.offset_bytes,
            [this, request](int32_t result) { OnZeroesWritten(request, result); });
}

void BlockExecutor::OnZeroesWritten(BlockRequest* request, int32_t result) {
  if (is_cancelling_) {
    Finish(request, ECANCELED);
    return;
  }
  if (result <= 0 && result != -EINTR) {
    Finish(request, result == 0 ? EIO : -result);
    return;
  }
  BlockRange& range = request->ranges[request->next_range];
  const uint64_t written_bytes = static_cast<uint64_t>(std::max(result, 0));
  range.offset_bytes += written_bytes;
  range.size_bytes -= written_bytes;
  if (range.size_bytes > 0) {
    WriteZeroes(request);
  } else {
    OnRangeDone(request, 0);
  }
}

}  // namespace mayfly
