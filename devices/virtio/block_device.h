// BlockDevice: a virtio disk on a file or block device of the host.

#ifndef MAYFLY_DEVICES_VIRTIO_BLOCK_DEVICE_H_
#define MAYFLY_DEVICES_VIRTIO_BLOCK_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/event_loop.h"
#include "base/latency_counts.h"
#include "base/poll_source.h"
#include "base/turn_end.h"
#include "devices/virtio/backing_file.h"
#include "devices/virtio/block_config.h"
#include "devices/virtio/block_executor.h"
#include "devices/virtio/block_request.h"
#include "devices/virtio/rate_limiter.h"
#include "devices/virtio/virtio_device.h"

namespace mayfly {

// What becomes of a guest's flush.
enum class CacheType {
  kUnsafe,     // not offered: fast, and what the guest wrote is lost when the host goes down
  kWriteback,  // fdatasync(2) before it is acknowledged
};

struct BlockDeviceOptions {
  BackingFileOptions file;
  CacheType cache_type = CacheType::kUnsafe;
  uint16_t queue_count = 1;
  // Offers DISCARD and WRITE_ZEROES where the file can have holes.
  bool allows_discard = true;
  // What the guest reads as the disk's id, at most 20 bytes; empty for the file's own.
  std::string serial;
  // The size and the topology the guest is told; by default what the file says. A size is a power
  // of two, from 512 to 4096 and not less than the file's own.
  std::optional<uint32_t> logical_block_bytes;
  std::optional<BlockTopology> topology;
  RateLimiterConfig rate_limiter;
  // Hears of errors of the host's that the guest was told of; the first few only.
  std::function<void(absl::string_view)> on_warning;
};

// What a snapshot keeps of a disk beside its transport's state and the file.
struct BlockDeviceState {
  RateLimiterState rate_limiter;

  bool operator==(const BlockDeviceState&) const = default;
};

// Since the device was made. The names are those of Firecracker's metrics where it has them.
struct BlockMetrics {
  uint64_t read_count = 0;
  uint64_t write_count = 0;
  uint64_t read_bytes = 0;
  uint64_t write_bytes = 0;
  uint64_t flush_count = 0;
  uint64_t discard_count = 0;
  uint64_t write_zeroes_count = 0;
  uint64_t queue_event_count = 0;
  uint64_t invalid_reqs_count = 0;  // answered without I/O, as they break a rule
  uint64_t execute_fails = 0;       // the host's file refused
  uint64_t event_fails = 0;         // broken queues
  uint64_t no_avail_buffer = 0;
  uint64_t rate_limiter_throttled_events = 0;
  uint64_t rate_limiter_event_count = 0;
  uint64_t update_count = 0;
  uint64_t update_fails = 0;
  uint64_t activate_fails = 0;
  uint64_t cfg_fails = 0;  // writes to the configuration space
  uint64_t remaining_reqs_count = 0;
  LatencyCounts read_agg;
  LatencyCounts write_agg;
};

// Virtio 1.2, section 5.2; docs/virtio.md has what is offered and what not. Owned by its transport;
// loop thread only. Requests of one batch go to the kernel with one system call, answers of one
// batch raise one interrupt. At most kQueueMaxSize requests of a queue are in flight, and what they
// take is kept for reuse: at most 3.3 MiB a queue.
class BlockDevice : public VirtioDevice, private PollSource {
 public:
  // Opens the file. Errors: BackingFile's; InvalidArgument for a queue count of 0 or an id that is
  // too long.
  static absl::StatusOr<std::unique_ptr<BlockDevice>> Create(EventLoop* loop,
                                                             BlockDeviceOptions options);
  // On a file that is open already, as `options.file` says.
  static absl::StatusOr<std::unique_ptr<BlockDevice>> Create(EventLoop* loop,
                                                             BlockDeviceOptions options,
                                                             BackingFile file);

  uint32_t device_id() const override;
  uint64_t offered_features() const override { return features_; }
  size_t queue_count() const override { return options_.queue_count; }
  std::vector<uint8_t> config() const override;
  void Activate(uint64_t features, std::vector<std::unique_ptr<VirtQueue>> queues) override;
  void OnNotification(size_t queue_index) override;
  void Deactivate(absl::AnyInvocable<void()> done) override;
  void Quiesce(absl::AnyInvocable<void()> done) override;
  void Pause(absl::AnyInvocable<void()> done) override;
  void Resume() override;
  const VirtQueue* queue(size_t queue_index) const override {
    return queue_index < queues_.size() ? queues_[queue_index].get() : nullptr;
  }

  // For a disk that is paused. Requests are not part of it: a pause completes them. Restore:
  // InvalidArgument when a field holds what the device cannot; then it is unchanged.
  BlockDeviceState State() { return {.rate_limiter = limiter_.State()}; }
  absl::Status Restore(const BlockDeviceState& state);

  // Opens `path` in place of the file, or the same path again: a file that grew, shrank or was
  // exchanged. Requests in flight complete on the old file first; none is lost. Then the guest is
  // told of the new size and `done` runs, maybe inside this call. On an error, which is Open's, the
  // old file stays. Works while paused as well.
  void Reopen(const std::string& path, absl::AnyInvocable<void(absl::Status)> done);
  void UpdateRateLimiter(const RateLimiterUpdate& update) { limiter_.Update(update); }

  const std::string& path() const { return options_.file.path; }
  const BlockMetrics& metrics() const { return metrics_; }
  const BackingFile& file() const { return executor_.file(); }

 private:
  struct Replacement {
    BackingFile file;
    absl::AnyInvocable<void(absl::Status)> done;
  };

  BlockDevice(EventLoop* loop, BlockDeviceOptions options, BackingFile file);

  // PollSource.
  bool HasWork() override;
  void DoWork() override { ProcessQueues(); }
  bool RequestWakeup() override;
  Waiting waiting() const override;

  BlockLimits limits() const;
  // Requests are not taken now, whatever the queues have.
  bool IsHeldUp() const;
  void ProcessQueues();
  // Takes requests until the queue is empty or a turn's share is taken.
  void ProcessQueue(size_t queue_index);
  // Takes one request; false when there is none to take.
  bool ProcessNext(size_t queue_index);
  // False when the rate limiter says not now; the request is back in the queue then.
  bool IsWithinRate(BlockRequest* request);
  void Begin(BlockRequest* request);
  void AnswerId(BlockRequest* request);
  void OnExecuted(BlockRequest* request, int error);
  void Complete(BlockRequest* request, BlockStatus status);
  void Count(const BlockRequest& request);
  void WarnOfFailure(const BlockRequest& request, int error);
  void Publish();
  void OnIdle();

  BlockRequest* TakeRequest();
  void ReturnRequest(BlockRequest* request) { free_requests_.push_back(request); }

  EventLoop* const loop_;
  BlockDeviceOptions options_;
  const uint64_t features_;
  BlockMetrics metrics_;
  int warning_count_ = 0;
  // Empty while inactive; an entry is null when the driver left the queue out or broke it.
  std::vector<std::unique_ptr<VirtQueue>> queues_;
  std::vector<std::unique_ptr<BlockRequest>> requests_;
  std::vector<BlockRequest*> free_requests_;
  // Bytes asked for in the ProcessQueue that runs.
  uint64_t turn_bytes_ = 0;
  // Requests with the executor.
  size_t in_flight_count_ = 0;
  // Of these, those that a thread of the kernel's carries out.
  size_t worker_count_ = 0;
  bool is_quiescing_ = false;
  bool is_paused_ = false;
  std::optional<Replacement> replacement_;
  absl::AnyInvocable<void()> quiesced_;
  // Of a Pause that is not done yet.
  absl::AnyInvocable<void()> paused_;
  TurnEnd publish_;
  RateLimiter limiter_;
  BlockExecutor executor_;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_BLOCK_DEVICE_H_
