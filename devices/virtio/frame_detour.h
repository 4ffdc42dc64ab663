// FrameDetour: somebody inside the monitor whom a guest reaches over its network card.

#ifndef MAYFLY_DEVICES_VIRTIO_FRAME_DETOUR_H_
#define MAYFLY_DEVICES_VIRTIO_FRAME_DETOUR_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "devices/virtio/segment_list.h"

namespace mayfly {

// Takes frames of a guest before they go to the TAP, and has frames for the guest before those of
// the TAP. Owned by its NetDevice; loop thread only. The card asks for frames once a turn of the
// loop, so a detour whose frame becomes ready with time keeps a Timer, which starts a turn.
class FrameDetour {
 public:
  // With the header: Ethernet's largest frame.
  static constexpr size_t kMaxFrameBytes = 12 + 1514;

  virtual ~FrameDetour() = default;

  // A frame of the guest's with its struct virtio_net_hdr_v1, of 26 to 65562 bytes. True when it
  // was taken, and then must not go anywhere else. Called for each frame, so it decides by a look
  // at the start.
  virtual bool Offer(const SegmentList& guest_frame) = 0;

  // Whether there is a frame for the guest. Called over and over: a load or two.
  virtual bool HasFrame() const = 0;
  // HasFrame() holds. Writes the next frame, with a header that is zero but for what the frame
  // needs; `out` has room for kMaxFrameBytes. Returns the size.
  virtual size_t TakeFrame(std::span<uint8_t> out) = 0;

  // The guest's driver is gone: forget what it did, and have no frame until it offers one.
  virtual void Reset() = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_FRAME_DETOUR_H_
