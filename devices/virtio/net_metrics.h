// NetMetrics: what a network card counts.

#ifndef MAYFLY_DEVICES_VIRTIO_NET_METRICS_H_
#define MAYFLY_DEVICES_VIRTIO_NET_METRICS_H_

#include <cstdint>

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
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_NET_METRICS_H_
