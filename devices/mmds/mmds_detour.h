// MmdsDetour: the metadata service's place on one network card.

#ifndef MAYFLY_DEVICES_MMDS_MMDS_DETOUR_H_
#define MAYFLY_DEVICES_MMDS_MMDS_DETOUR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/event_loop.h"
#include "base/timer.h"
#include "devices/mmds/mmds_stack.h"
#include "devices/virtio/frame_detour.h"
#include "devices/virtio/segment_list.h"

namespace mayfly {

// A MmdsStack in real time, whose frames lie in guest memory. Owned by its card; loop thread only.
class MmdsDetour : public FrameDetour {
 public:
  // `loop`, `server` and `metrics` outlive it.
  MmdsDetour(EventLoop* loop, MmdsStack::Options options, RequestServer* server,
             MmdsMetrics* metrics);

  bool Offer(const SegmentList& guest_frame) override;
  bool HasFrame() const override { return has_frame_; }
  size_t TakeFrame(std::span<uint8_t> out) override;
  void Reset() override;

 private:
  // After everything that may change when there is a frame.
  void Update();

  MmdsStack stack_;
  // Of one frame of the guest's; made when the first one comes.
  std::unique_ptr<uint8_t[]> copy_;
  bool has_frame_ = false;
  Timer timer_;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_MMDS_MMDS_DETOUR_H_
