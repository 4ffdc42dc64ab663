// The receive workload: takes a backlog of numbered frames as fast as the device delivers it.

#include "tests/guests/virtio_io/machine.h"
#include "tests/guests/virtio_io/net.h"
#include "tests/guests/virtio_io/queue.h"
#include "tests/guests/virtio_io/workloads.h"

enum { kBufferBytes = 4096 };
enum { kNumberOffset = sizeof(struct NetHeader) + kHeadersBytes };

static struct VirtioDevice device;
static struct Queue queue;
static struct Queue transmit_queue;
static uint8_t* buffers;  // one of kBufferBytes per slot

static uint64_t frame_bytes;
static uint64_t frame_count;  // taken
static uint64_t error_count;

// The frame in reception.
static uint64_t buffers_left;
static uint64_t bytes_left;

static void SetUp(void) {
  if (!VirtioOpen(&device, kVirtioNet, NET_FEATURES)) {
    Fail("no network device");
  }
  frame_bytes = OptionNumber("frame", 64);
  if ((device.features & NET_MRG_RXBUF) == 0 ||
      (frame_bytes > kLargestPlainFrameBytes && (device.features & NET_GUEST_TSO4) == 0)) {
    Fail("the device does not offer MRG_RXBUF and GUEST_TSO4");
  }
  QueueInit(&queue, &device, kReceiveQueue, 1);
  QueueInit(&transmit_queue, &device, kTransmitQueue, 1);
  buffers = Allocate((size_t)queue.slot_count * kBufferBytes);
  for (uint16_t slot = 0; slot < queue.slot_count; ++slot) {
    const struct Segment segment = {buffers + (size_t)slot * kBufferBytes, kBufferBytes,
                                    kDeviceWrites};
    QueueSetSlot(&queue, slot, &segment, 1);
  }
  VirtioStart(&device);
}

// A buffer that a frame begins in, or goes on in.
static void TakeBuffer(const uint8_t* buffer, uint64_t written_bytes) {
  if (buffers_left == 0) {
    const uint64_t number = *(const volatile uint64_t*)(buffer + kNumberOffset);
    error_count += number != frame_count;
    buffers_left = ((const volatile struct NetHeader*)buffer)->buffer_count;
    bytes_left = frame_bytes + sizeof(struct NetHeader);
    if (buffers_left == 0) {
      Fail("a frame in no buffer");
    }
  }
  --buffers_left;
  error_count += written_bytes > bytes_left;
  bytes_left -= written_bytes;
  if (buffers_left == 0) {
    error_count += bytes_left != 0;
    ++frame_count;
  }
}

void RunReceive(void) {
  SetUp();
  const uint64_t wanted_count = OptionNumber("count", 1);
  const uint64_t patience_ticks = OptionNumber("ticks", 0);
  MeetHost("BEGIN\n");
  const uint64_t start = Ticks();
  for (uint16_t slot = 0; slot < queue.slot_count; ++slot) {
    QueueSubmit(&queue, slot);
  }
  QueuePublish(&queue);
  uint64_t last = start;
  while (frame_count < wanted_count && Ticks() - last < patience_ticks) {
    uint16_t slot;
    uint32_t written_bytes;
    while (QueuePoll(&queue, &slot, &written_bytes)) {
      TakeBuffer(buffers + (size_t)slot * kBufferBytes, written_bytes);
      QueueSubmit(&queue, slot);
      last = Ticks();
    }
    QueuePublish(&queue);
  }
  MeetHost("END\n");
  Print("RESULT");
  PrintNumber("operations", frame_count);
  PrintNumber("bytes", frame_count * frame_bytes);
  PrintNumber("ticks", last - start);
  PrintNumber("notifications", queue.notify_count);
  PrintNumber("errors", error_count + (wanted_count - frame_count));
  PrintNumber("queue_size", queue.size);
  PrintNumber("features", device.features);
  Print("\n");
}
