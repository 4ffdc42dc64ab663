// NetMetrics: what a network card counts.

#ifndef MAYFLY_DEVICES_VIRTIO_NET_METRICS_H_
#define MAYFLY_DEVICES_VIRTIO_NET_METRICS_H_

#include <cstdint>

#include "base/latency_counts.h"

namespace mayfly {

// Since the card was made; loop thread only. The names are those of Firecracker's metrics.
struct NetMetrics {
  uint64_t rx_queue_event_count = 0;
  uint64_t rx_packets_count = 0;
  uint64_t rx_bytes_count = 0;
  uint64_t rx_fails = 0;  // frames that did not fit the guest's buffers
  uint64_t no_rx_avail_buffer = 0;
  uint64_t rx_rate_limiter_throttled = 0;
  uint64_t rx_event_rate_limiter_count = 0;
  uint64_t tap_read_fails = 0;
  uint64_t tx_queue_event_count = 0;
  uint64_t tx_packets_count = 0;
  uint64_t tx_bytes_count = 0;
  uint64_t tx_malformed_frames = 0;
  uint64_t tx_fails = 0;
  uint64_t tap_write_fails = 0;
  uint64_t tx_rate_limiter_throttled = 0;
  uint64_t tx_rate_limiter_event_count = 0;
  uint64_t tx_spoofed_mac_count = 0;
  uint64_t event_fails = 0;  // broken queues
  uint64_t activate_fails = 0;
  uint64_t cfg_fails = 0;  // writes to the configuration space
  uint64_t no_tx_avail_buffer = 0;
  uint64_t rx_tap_event_count = 0;  // batches of reads that brought frames
  uint64_t rx_count = 0;            // reads that brought a frame
  uint64_t tx_count = 0;            // writes that took one
  uint64_t tx_remaining_reqs_count = 0;
  LatencyCounts tap_write_agg;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_NET_METRICS_H_
