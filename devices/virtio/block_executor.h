// BlockExecutor: carries out disk requests on a backing file through the event loop's ring.

#ifndef MAYFLY_DEVICES_VIRTIO_BLOCK_EXECUTOR_H_
#define MAYFLY_DEVICES_VIRTIO_BLOCK_EXECUTOR_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "base/event_loop.h"
#include "base/operation_group.h"
#include "devices/virtio/backing_file.h"
#include "devices/virtio/block_request.h"

namespace mayfly {

// Owned by BlockDevice; loop thread only. Data moves between the file and guest memory without a
// copy; a request that the kernel does in parts goes on where the part ended.
class BlockExecutor {
 public:
  // `error` is 0, or the errno of what failed.
  using Done = absl::AnyInvocable<void(BlockRequest* request, int error)>;

  BlockExecutor(EventLoop* loop, BackingFile file, Done done)
      : io_(loop), file_(std::move(file)), done_(std::move(done)) {}

  // Starts an IN, OUT, FLUSH, DISCARD or WRITE_ZEROES that Parse found kOk. `done` runs with it
  // later, never inside this call. The request lives until then. A transfer may wait for the next
  // Start, to become one operation with it when both follow each other on the disk, or for Flush.
  void Start(BlockRequest* request);
  void Flush();
  // Whether the kernel does it on a thread of its own: all but reads, and writes past the page
  // cache. The same before and after.
  bool NeedsWorker(const BlockRequest& request) const {
    return request.type != BlockRequestType::kIn &&
           (request.type != BlockRequestType::kOut || !file_.is_direct());
  }
  // Cancels what was started; each still runs `done` (with ECANCELED, or as it came out), then
  // `cancelled` runs.
  void Cancel(absl::AnyInvocable<void()> cancelled);
  // Makes completed writes durable; runs `synced` with 0 or the errno.
  void Sync(absl::AnyInvocable<void(int error)> synced);

  const BackingFile& file() const { return file_; }
  // Only when nothing is in flight.
  void ReplaceFile(BackingFile file) { file_ = std::move(file); }

 private:
  // The last that the executor does with the request. Whatever came of a read, the kernel may have
  // written to all of its buffers.
  void Finish(BlockRequest* request, int error);
  void JoinRun(BlockRequest* request);
  bool MayJoinRun(BlockRequest* request) const;
  void OnRunTransferred(BlockRequest* first, int32_t result);
  void Transfer(BlockRequest* request);
  void OnTransferred(BlockRequest* request, int32_t result);
  void StartRange(BlockRequest* request);
  void OnRangeDone(BlockRequest* request, int32_t result);
  void WriteZeroes(BlockRequest* request);
  void OnZeroesWritten(BlockRequest* request, int32_t result);

  // Nothing is started while a Cancel is under way: it would not wait for that.
  bool is_cancelling_ = false;
  // Transfers that follow each other on the disk and are not started yet; null for none.
  BlockRequest* run_first_ = nullptr;
  BlockRequest* run_last_ = nullptr;
  size_t run_segment_count_ = 0;
  OperationGroup io_;
  BackingFile file_;
  Done done_;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_BLOCK_EXECUTOR_H_
