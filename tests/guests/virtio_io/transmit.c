// The transmit workload: the same frame as often as the device takes it.

#include "tests/guests/virtio_io/machine.h"
#include "tests/guests/virtio_io/net.h"
#include "tests/guests/virtio_io/queue.h"
#include "tests/guests/virtio_io/workloads.h"

enum { kMaxSegments = 18, kSegmentBytes = 4096, kMinFrameBytes = kHeadersBytes + 8 };
// Frames between two looks at the available ring's event, as a driver that is handed lists does it.
enum { kBatch = 32 };
static const uint32_t kSegmentSizeBytes = 1448;

static struct VirtioDevice device;
static struct Queue receive_queue;
static struct Queue queue;
static uint32_t frame_bytes;

// What every slot sends; the device only reads it.
static uint8_t* first_segment;
static uint8_t* other_segments;

static void PutBigEndian16(uint8_t* at, uint32_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

// An IPv4 and TCP frame to an address that the host's stack has no interest in.
static void WriteHeaders(uint8_t* frame) {
  static const uint8_t kAddresses[12] = {0x02, 0, 0, 0, 0, 0x99, 0x02, 0, 0, 0, 0, 0x01};
  for (unsigned i = 0; i < sizeof(kAddresses); ++i) {
    frame[i] = kAddresses[i];
  }
  PutBigEndian16(frame + 12, 0x0800);
  uint8_t* ip = frame + kEthernetBytes;
  ip[0] = 0x45;
  PutBigEndian16(ip + 2, frame_bytes - kEthernetBytes);
  ip[8] = 64;  // hops
  ip[9] = 6;   // TCP
  ip[12] = 192;
  ip[14] = 2;
  ip[15] = 1;
  ip[16] = 192;
  ip[18] = 2;
  ip[19] = 2;
  uint8_t* tcp = ip + kIpBytes;
  PutBigEndian16(tcp, 5001);
  PutBigEndian16(tcp + 2, 5001);
  tcp[12] = 0x50;  // a header of five words
  tcp[13] = 0x10;  // ACK
}

static uint16_t LayOut(struct Segment* segments) {
  struct NetHeader* header = (struct NetHeader*)first_segment;
  WriteHeaders(first_segment + sizeof(*header));
  uint32_t first_bytes = frame_bytes;
  uint16_t count = 1;
  if (frame_bytes > kLargestPlainFrameBytes) {
    *header = (struct NetHeader){.flags = kNeedsChecksum,
                                 .gso_type = kGsoTcp4,
                                 .header_bytes = kHeadersBytes,
                                 .gso_size_bytes = kSegmentSizeBytes,
                                 .checksum_start = kEthernetBytes + kIpBytes,
                                 .checksum_offset = 16};
    first_bytes = kHeadersBytes;
    for (uint32_t at = 0; at < frame_bytes - first_bytes; at += kSegmentBytes, ++count) {
      const uint32_t left_bytes = frame_bytes - first_bytes - at;
      segments[count] =
          (struct Segment){other_segments + at,
                           left_bytes < kSegmentBytes ? left_bytes : kSegmentBytes, kDeviceReads};
    }
  }
  segments[0] = (struct Segment){first_segment, (uint32_t)sizeof(struct NetHeader) + first_bytes,
                                 kDeviceReads};
  return count;
}

static void SetUp(void) {
  if (!VirtioOpen(&device, kVirtioNet, NET_FEATURES)) {
    Fail("no network device");
  }
  frame_bytes = (uint32_t)OptionNumber("frame", 64);
  if (frame_bytes < kMinFrameBytes || frame_bytes > kLargestFrameBytes) {
    Fail("bad options of the transmit workload");
  }
  if (frame_bytes > kLargestPlainFrameBytes && (device.features & NET_HOST_TSO4) == 0) {
    Fail("the device does not offer HOST_TSO4");
  }
  first_segment = Allocate(PAGE_BYTES);
  other_segments = Allocate(kLargestFrameBytes);
  struct Segment segments[kMaxSegments];
  const uint16_t count = LayOut(segments);
  QueueInit(&receive_queue, &device, kReceiveQueue, 1);
  QueueInit(&queue, &device, kTransmitQueue, count);
  for (uint16_t slot = 0; slot < queue.slot_count; ++slot) {
    QueueSetSlot(&queue, slot, segments, count);
  }
  VirtioStart(&device);
}

// Sends until the time is over; `frame_count` is what was sent. The time to the last completion.
static uint64_t Send(uint64_t duration_ticks, uint64_t* frame_count) {
  static uint16_t free_slots[UINT16_MAX];
  uint16_t free_count = queue.slot_count;
  for (uint16_t slot = 0; slot < free_count; ++slot) {
    free_slots[slot] = slot;
  }
  const uint64_t start = Ticks();
  uint64_t now = start;
  *frame_count = 0;
  while (now - start < duration_ticks || free_count < queue.slot_count) {
    uint16_t slot;
    uint32_t written_bytes;
    while (QueuePoll(&queue, &slot, &written_bytes)) {
      free_slots[free_count++] = slot;
    }
    if (now - start < duration_ticks) {
      for (int i = 0; i < kBatch && free_count > 0; ++i, ++*frame_count) {
        QueueSubmit(&queue, free_slots[--free_count]);
      }
      QueuePublish(&queue);
    }
    now = Ticks();
  }
  return now - start;
}

void RunTransmit(void) {
  SetUp();
  uint64_t frame_count;
  (void)Send(OptionNumber("warmup", 0), &frame_count);
  queue.notify_count = 0;
  MeetHost("BEGIN\n");
  const uint64_t ticks = Send(OptionNumber("ticks", 0), &frame_count);
  MeetHost("END\n");
  Print("RESULT");
  PrintNumber("operations", frame_count);
  PrintNumber("bytes", frame_count * frame_bytes);
  PrintNumber("ticks", ticks);
  PrintNumber("notifications", queue.notify_count);
  PrintNumber("errors", 0);
  PrintNumber("queue_size", queue.size);
  PrintNumber("features", device.features);
  Print("\n");
}
