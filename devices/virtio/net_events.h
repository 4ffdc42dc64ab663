// NetEvents: what the two directions of a network card tell the card.

#ifndef MAYFLY_DEVICES_VIRTIO_NET_EVENTS_H_
#define MAYFLY_DEVICES_VIRTIO_NET_EVENTS_H_

#include "absl/status/status.h"

namespace mayfly {

// Loop thread only.
class NetEvents {
 public:
  virtual ~NetEvents() = default;

  // Something was completed: there may be used buffers to publish at the end of this turn.
  virtual void OnUsed() = 0;
  // The driver broke the queue; nothing more is taken from it.
  virtual void OnBrokenQueue(const absl::Status& status) = 0;
  // The TAP is gone for good.
  virtual void OnTapGone() = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_NET_EVENTS_H_
