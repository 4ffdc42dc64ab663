// NetReceiver: frames from the TAP on their way to a guest.

#ifndef MAYFLY_DEVICES_VIRTIO_NET_RECEIVER_H_
#define MAYFLY_DEVICES_VIRTIO_NET_RECEIVER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/event_loop.h"
#include "base/operation_group.h"
#include "base/timer.h"
#include "devices/virtio/descriptor_chain.h"
#include "devices/virtio/frame_detour.h"
#include "devices/virtio/net_events.h"
#include "devices/virtio/net_metrics.h"
#include "devices/virtio/rate_limiter.h"
#include "devices/virtio/segment_list.h"
#include "devices/virtio/virt_queue.h"

namespace mayfly {

// Owned by NetDevice; loop thread only. Frames go from the TAP into guest memory without a copy.
//
// Reads are started in batches: all but the last fail at once when the TAP is empty, the last one
// waits. So one system call takes as many frames as there are, in their order, and an idle card
// costs nothing. A batch is as large as the last one found use for.
//
// A read must have room for the largest frame, which takes the buffers of forty small ones. So
// where a frame may be spread over several buffers, a read gets few of them while frames are small,
// and memory of our own behind: what lands there is copied to further buffers, and while large
// frames keep coming reads get room for them in the first place. This memory is 64 KiB for each of
// 32 reads at most, and is taken when it is first used.
//
// Frames of a detour are copied from such memory too. They pass by the read that waits for the TAP,
// which keeps its buffers, half of the ring at most; a driver that gave no more than those gets
// them with the TAP's next frame.
//
// While the guest has no buffers nothing is read: frames wait in the TAP's queue, which the kernel
// bounds, and are taken again once the guest brings buffers (CVE-2020-16843).
class NetReceiver {
 public:
  struct Options {
    int tap_fd = -1;
    RateLimiterConfig rate_limiter;
    // Its frames go before the TAP's. May be null; outlives the receiver's use.
    FrameDetour* detour = nullptr;
  };

  // What the driver's features make of a frame.
  struct Mode {
    // A frame may take several chains.
    bool is_mergeable = false;
    // The largest frame with its header that the TAP may hand over.
    uint64_t frame_max_bytes = 0;
  };

  // `loop`, `io`, `metrics` and `events` outlive it. `io` is what the card cancels on a reset.
  NetReceiver(EventLoop* loop, OperationGroup* io, const Options& options, NetMetrics* metrics,
              NetEvents* events);

  void Activate(std::unique_ptr<VirtQueue> queue, const Mode& mode);
  // Starts no more reads; those in flight may be cancelled. Frames that they bring all the same go
  // to the guest, or are held.
  void Pause() { is_paused_ = true; }
  void Resume() { is_paused_ = false; }
  // Reads that the kernel has.
  size_t in_flight_count() const { return in_flight_count_; }
  // Reads when there are buffers for it.
  void Process();
  // Whether the driver brought buffers that were waited for, or the detour has a frame.
  bool HasWork() const { return (WaitsForBuffers() && queue_->HasAvailable()) || HasDetourFrame(); }
  // Asks the driver for a notification, if there is need of one; false when there is work already.
  bool RequestWakeup() {
    return (!WaitsForBuffers() || queue_->EnableNotification()) && !HasDetourFrame();
  }
  // Makes used buffers visible; true when the driver wants an interrupt.
  bool Publish() { return queue_ != nullptr && queue_->Publish(); }
  // Gives the queue and all buffers up. Reads in flight are to be cancelled.
  void Deactivate();
  RateLimiter& rate_limiter() { return limiter_; }
  // Null while inactive or broken.
  const VirtQueue* queue() const { return queue_.get(); }

 private:
  // A read in flight, or one whose frame waits, with the chains it goes to.
  struct Read {
    std::vector<DescriptorChain*> chains;
    // Those of the chains, and then `spill`.
    SegmentList segments;
    // Of `chains`, all bytes.
    uint64_t chain_bytes = 0;
    // Of `segments`, those of the chains.
    uint64_t guest_bytes = 0;
    std::unique_ptr<uint8_t[]> spill;
    uint64_t frame_bytes = 0;
    bool may_wait = false;
  };

  // Nothing is to be done now, whatever the driver brings.
  bool IsHeldUp() const {
    return queue_ == nullptr || is_paused_ || is_tap_gone_ || limiter_.is_blocked() ||
           retry_.is_set();
  }
  bool WaitsForBuffers() const {
    return is_starved_ && !IsHeldUp() && (in_flight_count_ == 0 || !held_.empty());
  }
  // One that can go to the guest now, or find out that there are no buffers.
  bool HasDetourFrame() const {
    return options_.detour != nullptr && options_.detour->HasFrame() && held_.empty() &&
           !IsHeldUp();
  }
  // A read with room for a frame; null when the driver has to bring buffers first. `is_first`: of a
  // batch.
  Read* PrepareRead(bool is_first);
  // Before it is started.
  bool MayTakeMore(const Read& read) const;
  // Makes the next ready chain the read's.
  void GiveChain(Read* read);
  // Takes a chain from the queue; false when the driver has no more.
  bool AddChain();
  void Start(Read* read, bool may_wait);
  void OnRead(Read* read, int32_t result);
  void OnFailedRead(const Read& read, int error);
  void EndBatch();
  // False when the frame has to be held: for the rate limiter, or for buffers. One that the queue
  // cannot take is dropped.
  bool Deliver(Read* read);
  // False when the driver has to bring buffers first.
  bool MakeRoom(Read* read);
  // However many buffers the driver brings.
  bool NeverFits(const Read& read) const;
  void Hold(Read* read, bool is_oldest);
  void WriteBufferCount(const Read& read, uint16_t buffer_count) const;
  // False when some have to be held on.
  bool DeliverHeld();
  // Up to a turn's share; false when one has to be held.
  bool DeliverDetoured();
  // Its chains that were not used are the next to be.
  void Recycle(Read* read, size_t first_unused);
  void Break(const absl::Status& status);

  Read* TakeRead();
  DescriptorChain* TakeChain();

  OperationGroup* const io_;
  const Options options_;
  NetMetrics* const metrics_;
  NetEvents* const events_;
  // Null while inactive or broken.
  std::unique_ptr<VirtQueue> queue_;
  Mode mode_;
  // Chains taken from the queue and not with a read, oldest first, and their bytes.
  std::deque<DescriptorChain*> ready_;
  uint64_t ready_bytes_ = 0;
  // Frames that wait for the rate limiter or for buffers, in their order.
  std::deque<Read*> held_;
  size_t in_flight_count_ = 0;
  size_t batch_size_ = 1;
  // Reads of this batch that brought a frame.
  size_t batch_frame_count_ = 0;
  size_t batch_large_count_ = 0;
  bool expects_large_ = false;
  // The driver had no buffer when one was wanted.
  bool is_starved_ = false;
  bool has_nowait_ = true;
  bool is_tap_gone_ = false;
  bool is_paused_ = false;

  std::vector<std::unique_ptr<Read>> reads_;
  std::vector<Read*> free_reads_;
  std::vector<std::unique_ptr<DescriptorChain>> chains_;
  std::vector<DescriptorChain*> free_chains_;
  RateLimiter limiter_;
  Timer retry_;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_NET_RECEIVER_H_
