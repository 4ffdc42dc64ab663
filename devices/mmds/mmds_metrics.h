// MmdsMetrics: what the metadata service counts.

#ifndef MAYFLY_DEVICES_MMDS_MMDS_METRICS_H_
#define MAYFLY_DEVICES_MMDS_MMDS_METRICS_H_

#include <cstdint>

namespace mayfly {

// Of all cards, since the service was made; loop thread only. The names are those of Firecracker's
// metrics; rx is what comes from the guest.
struct MmdsMetrics {
  uint64_t rx_accepted = 0;          // frames taken from the guest's network
  uint64_t rx_accepted_err = 0;      // of those, malformed or for nobody
  uint64_t rx_accepted_unusual = 0;  // of those, of another protocol than TCP
  uint64_t rx_bad_eth = 0;           // frames too short for an Ethernet header
  uint64_t rx_invalid_token = 0;     // requests
  uint64_t rx_no_token = 0;          // requests
  uint64_t rx_count = 0;             // TCP segments handled
  uint64_t tx_bytes = 0;             // of frames, without the virtio header
  uint64_t tx_count = 0;             // TCP segments
  uint64_t tx_errors = 0;            // frames that could not be made
  uint64_t tx_frames = 0;            // TCP segments and ARP replies
  uint64_t connections_created = 0;
  uint64_t connections_destroyed = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_MMDS_MMDS_METRICS_H_
