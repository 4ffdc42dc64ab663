// The disk: queues in, answers out.

#include "devices/virtio/block_device.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"
#include "devices/virtio/block_config.h"
#include "devices/virtio/virtio_ids.h"

namespace mayfly {
namespace {

constexpr int kMaxWarnings = 8;

// What is taken from a queue before the loop looks at everything else again.
constexpr int kTurnRequests = 64;
constexpr uint64_t kTurnBytes = 128 << 10;
constexpr uint64_t kDirectTurnBytes = 4 << 20;

const char* VerbOf(BlockRequestType type) {
  switch (type) {
    case BlockRequestType::kIn:
      return "read";
    case BlockRequestType::kOut:
      return "write";
    case BlockRequestType::kFlush:
      return "flush";
    case BlockRequestType::kDiscard:
      return "discard";
    default:
      return "write of zeroes";
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<BlockDevice>> BlockDevice::Create(EventLoop* loop,
                                                                 BlockDeviceOptions options) {
  ASSIGN_OR_RETURN(BackingFile file, BackingFile::Open(options.file));
  return Create(loop, std::move(options), std::move(file));
}

absl::StatusOr<std::unique_ptr<BlockDevice>> BlockDevice::Create(EventLoop* loop,
                                                                 BlockDeviceOptions options,
                                                                 BackingFile file) {
  if (options.queue_count == 0) {
    return absl::InvalidArgumentError("a disk has at least one queue");
  }
  if (options.serial.size() > BlockLimits::kIdBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a disk's id has at most ", BlockLimits::kIdBytes, " bytes"));
  }
  const uint64_t tail_bytes = file.size_bytes() % BackingFile::kSectorBytes;
  if (tail_bytes != 0 && options.on_warning) {
    options.on_warning(absl::StrCat("the last ", tail_bytes,
                                    " bytes are no whole sector, and out of the guest's reach"));
  }
  return std::unique_ptr<BlockDevice>(new BlockDevice(loop, std::move(options), std::move(file)));
}

BlockDevice::BlockDevice(EventLoop* loop, BlockDeviceOptions options, BackingFile file)
    : PollSource(loop),
      loop_(loop),
      options_(std::move(options)),
      features_(BlockFeatures({.is_read_only = options_.file.is_read_only,
                               .has_flush = options_.cache_type == CacheType::kWriteback,
                               .has_discard = options_.allows_discard && file.can_punch_holes(),
                               .queue_count = options_.queue_count})),
      publish_(loop, [this] { Publish(); }),
      limiter_(loop, options_.rate_limiter,
               [this] {
                 ++metrics_.rate_limiter_event_count;
                 ProcessQueues();
               }),
      executor_(loop, std::move(file),
                [this](BlockRequest* request, int error) { OnExecuted(request, error); }) {}

uint32_t BlockDevice::device_id() const { return kVirtioIdBlock; }

std::vector<uint8_t> BlockDevice::config() const {
  return BlockConfigBytes(file(), {.queue_count = options_.queue_count,
                                   .logical_block_bytes = options_.logical_block_bytes,
                                   .topology = options_.topology});
}

BlockLimits BlockDevice::limits() const {
  return {.sector_count = file().sector_count(),
          .is_read_only = options_.file.is_read_only,
          .has_flush = (features_ & kBlockFeatureFlush) != 0,
          .has_discard = (features_ & kBlockFeatureDiscard) != 0};
}

void BlockDevice::Activate(uint64_t /*features*/, std::vector<std::unique_ptr<VirtQueue>> queues) {
  queues_ = std::move(queues);
  StartPolling();
}

void BlockDevice::OnNotification(size_t queue_index) {
  ++metrics_.queue_event_count;
  ProcessQueue(queue_index);
}

void BlockDevice::ProcessQueues() {
  for (size_t i = 0; i < queues_.size(); ++i) {
    ProcessQueue(i);
  }
}

// What is left is found by the loop before it sleeps. Large requests to the page cache, which the
// kernel copies while we wait, are so handed over one or two at a time, and the guest gets the
// first answers while the next request is being worked on.
void BlockDevice::ProcessQueue(size_t queue_index) {
  turn_bytes_ = 0;
  const uint64_t share_bytes = file().is_direct() ? kDirectTurnBytes : kTurnBytes;
  for (int i = 0; i < kTurnRequests && turn_bytes_ < share_bytes; ++i) {
    if (!ProcessNext(queue_index)) {
      break;
    }
  }
  executor_.Flush();
}

bool BlockDevice::IsHeldUp() const {
  return replacement_.has_value() || is_quiescing_ || is_paused_ || limiter_.is_blocked();
}

bool BlockDevice::HasWork() {
  return !IsHeldUp() && std::any_of(queues_.begin(), queues_.end(), [](const auto& queue) {
    return queue != nullptr && queue->HasAvailable();
  });
}

PollSource::Waiting BlockDevice::waiting() const {
  if (worker_count_ > 0) {
    return Waiting::kForWorker;
  }
  return in_flight_count_ > 0 ? Waiting::kForDevice : Waiting::kForWork;
}

bool BlockDevice::RequestWakeup() {
  return IsHeldUp() || std::all_of(queues_.begin(), queues_.end(), [](const auto& queue) {
           return queue == nullptr || queue->EnableNotification();
         });
}

bool BlockDevice::ProcessNext(size_t queue_index) {
  if (queue_index >= queues_.size() || queues_[queue_index] == nullptr || IsHeldUp()) {
    return false;
  }
  VirtQueue& queue = *queues_[queue_index];
  BlockRequest* request = TakeRequest();
  request->queue_index = queue_index;
  const absl::StatusOr<bool> has_request = queue.Pop(request->chain);
  if (has_request.ok() && !*has_request) {
    ReturnRequest(request);
    return false;
  }
  const absl::StatusOr<BlockStatus> verdict =
      has_request.ok() ? request->Parse(limits()) : has_request.status();
  if (!verdict.ok()) {
    ReturnRequest(request);
    ++metrics_.event_fails;
    // What is in flight still has to be answered, but not to a queue that lost its way.
    queues_[queue_index] = nullptr;
    transport()->SetNeedsReset(
        absl::StrCat("queue ", queue_index, ": ", verdict.status().message()));
    return false;
  }
  if (*verdict != BlockStatus::kOk) {
    ++metrics_.invalid_reqs_count;
    Complete(request, *verdict);
    return true;
  }
  if (!IsWithinRate(request)) {
    return false;
  }
  turn_bytes_ += request->data_bytes;
  Begin(request);
  return true;
}

bool BlockDevice::IsWithinRate(BlockRequest* request) {
  if (limiter_.Consume(1, request->data_bytes)) {
    return true;
  }
  ++metrics_.rate_limiter_throttled_events;
  queues_[request->queue_index]->UndoPop(request->chain.head);
  ReturnRequest(request);
  return false;
}

void BlockDevice::Begin(BlockRequest* request) {
  request->start_us = MonotonicTimeUs();
  if (request->type == BlockRequestType::kGetId) {
    AnswerId(request);
    return;
  }
  const bool is_transfer =
      request->type == BlockRequestType::kIn || request->type == BlockRequestType::kOut;
  if (is_transfer ? request->data_bytes == 0
                  : request->type != BlockRequestType::kFlush && request->ranges.empty()) {
    Complete(request, BlockStatus::kOk);
    return;
  }
  ++in_flight_count_;
  worker_count_ += executor_.NeedsWorker(*request) ? 1U : 0U;
  executor_.Start(request);
}

void BlockDevice::AnswerId(BlockRequest* request) {
  const std::string& id = options_.serial.empty() ? file().image_id() : options_.serial;
  uint8_t bytes[BlockLimits::kIdBytes] = {};
  std::copy_n(id.begin(), std::min(id.size(), sizeof(bytes)), bytes);
  request->chain.writable.CopyFrom(0, bytes);
  Complete(request, BlockStatus::kOk);
}

void BlockDevice::OnExecuted(BlockRequest* request, int error) {
  --in_flight_count_;
  worker_count_ -= executor_.NeedsWorker(*request) ? 1U : 0U;
  if (error != 0 && error != ECANCELED) {
    ++metrics_.execute_fails;
    WarnOfFailure(*request, error);
  }
  if (error == 0) {
    Count(*request);
  }
  Complete(request, error == 0 ? BlockStatus::kOk : BlockStatus::kIoError);
  if (in_flight_count_ == 0) {
    OnIdle();
  }
}

// After a reset, or when the queue broke, there is nobody to answer to.
void BlockDevice::Complete(BlockRequest* request, BlockStatus status) {
  if (request->queue_index < queues_.size() && queues_[request->queue_index] != nullptr) {
    request->Answer(status);
    queues_[request->queue_index]->PushUsed(request->chain.head, request->writable_bytes);
    publish_.Request();
  }
  ReturnRequest(request);
}

void BlockDevice::Count(const BlockRequest& request) {
  switch (request.type) {
    case BlockRequestType::kIn:
      ++metrics_.read_count;
      metrics_.read_bytes += request.data_bytes;
      metrics_.read_agg.Record(MonotonicTimeUs() - request.start_us);
      return;
    case BlockRequestType::kOut:
      ++metrics_.write_count;
      metrics_.write_bytes += request.data_bytes;
      metrics_.write_agg.Record(MonotonicTimeUs() - request.start_us);
      return;
    case BlockRequestType::kFlush:
      ++metrics_.flush_count;
      return;
    case BlockRequestType::kDiscard:
      ++metrics_.discard_count;
      return;
    default:
      ++metrics_.write_zeroes_count;
  }
}

void BlockDevice::WarnOfFailure(const BlockRequest& request, int error) {
  if (++warning_count_ <= kMaxWarnings && options_.on_warning) {
    options_.on_warning(absl::StrCat(
        VerbOf(request.type), " at byte ", request.offset_bytes, ": ", std::strerror(error),
        warning_count_ == kMaxWarnings ? " (further errors are only counted)" : ""));
  }
}

void BlockDevice::Publish() {
  bool wants_interrupt = false;
  for (const std::unique_ptr<VirtQueue>& queue : queues_) {
    wants_interrupt |= queue != nullptr && queue->Publish();
  }
  if (wants_interrupt) {
    transport()->RaiseQueueInterrupt();
  }
  if (paused_ && in_flight_count_ == 0) {
    // May destroy this object.
    std::exchange(paused_, nullptr)();
  }
}

// The executor's operations, which hold guest memory, are what a reset waits for. Requests of
// theirs that come back meanwhile find no queue.
void BlockDevice::Deactivate(absl::AnyInvocable<void()> done) {
  StopPolling();
  queues_.clear();
  publish_.Cancel();
  if (paused_) {
    publish_.Request();
  }
  executor_.Cancel(std::move(done));
}

void BlockDevice::Quiesce(absl::AnyInvocable<void()> done) {
  is_quiescing_ = true;
  quiesced_ = std::move(done);
  if (in_flight_count_ == 0) {
    OnIdle();
  }
}

void BlockDevice::Pause(absl::AnyInvocable<void()> done) {
  is_paused_ = true;
  paused_ = std::move(done);
  publish_.Request();
}

void BlockDevice::Resume() {
  is_paused_ = false;
  paused_ = nullptr;
  ProcessQueues();
}

absl::Status BlockDevice::Restore(const BlockDeviceState& state) {
  RETURN_IF_ERROR(CheckRateLimiterState(state.rate_limiter));
  limiter_.Restore(state.rate_limiter);
  return absl::OkStatus();
}

void BlockDevice::Reopen(const std::string& path, absl::AnyInvocable<void(absl::Status)> done) {
  if (replacement_.has_value() || is_quiescing_) {
    done(absl::FailedPreconditionError("the disk's file is being exchanged already"));
    return;
  }
  BackingFileOptions options = options_.file;
  options.path = path;
  auto file = BackingFile::Open(options);
  if (!file.ok()) {
    ++metrics_.update_fails;
    done(file.status());
    return;
  }
  options_.file = options;
  replacement_.emplace(Replacement{*std::move(file), std::move(done)});
  if (in_flight_count_ == 0) {
    OnIdle();
  }
}

void BlockDevice::OnIdle() {
  if (replacement_.has_value()) {
    Replacement replacement = *std::move(replacement_);
    replacement_.reset();
    executor_.ReplaceFile(std::move(replacement.file));
    ++metrics_.update_count;
    transport()->UpdateConfig(config());
    replacement.done(absl::OkStatus());
    ProcessQueues();
  }
  if (paused_) {
    publish_.Request();
  }
  if (!quiesced_) {
    return;
  }
  if (options_.cache_type == CacheType::kWriteback && !options_.file.is_read_only) {
    executor_.Sync([this, done = std::move(quiesced_)](int error) mutable {
      if (error != 0 && options_.on_warning) {
        options_.on_warning(absl::StrCat("flush at the end: ", std::strerror(error)));
      }
      done();
    });
  } else {
    loop_->Post(std::move(quiesced_));
  }
}

BlockRequest* BlockDevice::TakeRequest() {
  if (free_requests_.empty()) {
    requests_.push_back(std::make_unique<BlockRequest>());
    free_requests_.push_back(requests_.back().get());
  }
  BlockRequest* request = free_requests_.back();
  free_requests_.pop_back();
  return request;
}

}  // namespace mayfly
