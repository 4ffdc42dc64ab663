// What both network workloads share: features, queue numbers and the header before each frame.

#ifndef MAYFLY_TESTS_GUESTS_VIRTIO_IO_NET_H_
#define MAYFLY_TESTS_GUESTS_VIRTIO_IO_NET_H_

#include <stdint.h>

#include "tests/guests/virtio_io/virtio_mmio.h"

// virtio 1.2, 5.1.3.
#define NET_CSUM (1ull << 0)
#define NET_GUEST_CSUM (1ull << 1)
#define NET_MAC (1ull << 5)
#define NET_GUEST_TSO4 (1ull << 7)
#define NET_HOST_TSO4 (1ull << 11)
#define NET_MRG_RXBUF (1ull << 15)
#define NET_FEATURES                                                                        \
  (VIRTIO_VERSION_1 | VIRTIO_EVENT_IDX | VIRTIO_INDIRECT_DESC | NET_CSUM | NET_GUEST_CSUM | \
   NET_MAC | NET_GUEST_TSO4 | NET_HOST_TSO4 | NET_MRG_RXBUF)

enum { kReceiveQueue = 0, kTransmitQueue = 1 };

// virtio 1.2, 5.1.6.
struct NetHeader {
  uint8_t flags;
  uint8_t gso_type;
  uint16_t header_bytes;
  uint16_t gso_size_bytes;
  uint16_t checksum_start;
  uint16_t checksum_offset;
  uint16_t buffer_count;
};
enum { kNeedsChecksum = 1, kGsoTcp4 = 1 };

enum { kEthernetBytes = 14, kIpBytes = 20, kTcpBytes = 20 };
enum { kHeadersBytes = kEthernetBytes + kIpBytes + kTcpBytes };
enum { kLargestPlainFrameBytes = 1514 };
enum { kLargestFrameBytes = kEthernetBytes + 65535 };

#endif  // MAYFLY_TESTS_GUESTS_VIRTIO_IO_NET_H_
